import { assert, assertEquals } from "@std/assert";
import { autograd, func, type Tensor, tensor } from "@torchopt/torchopt";
import { column } from "./accuracy.ts";
import { derivatives } from "./derivatives.ts";
import { functions } from "./functions.ts";

/** A number, or the name of one that JSON has no number for. */
type Stored = number | "nan" | "inf" | "-inf";
/** Arguments, value, gradient and Hessian; see `make_edges.py`. */
type Edge = [Stored[], Stored, Stored[], Stored[]];

const table: Record<string, Edge[]> = JSON.parse(
  Deno.readTextFileSync(new URL("edges.json", import.meta.url)),
);

function number(x: Stored): number {
  return x === "nan" ? NaN : x === "inf" ? Infinity : x === "-inf" ? -Infinity : x;
}

/**
 * Where this library differs from JAX on purpose (`docs/differences.md`): value, gradient and Hessian
 * by function and arguments.
 */
const ours: Record<string, number[]> = {
  // As in PyTorch: the slopes of the two sides cancel, or the lower side counts.
  "abs [0]": [0, 0, 0],
  "norm 1 [0,0,0]": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  "norm 1 [0,3,4]": [7, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  "norm Infinity [0,0,0]": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  "leakyRelu [0]": [0, 0.01, 0],
  "hardtanh [1]": [1, 0, 0],
  "hardtanh [-1]": [-1, 0, 0],
  // The second derivative is -2 above and 2 below.
  "softsign [0]": [0, 1, 0],
};

/** Rows and columns of elements that are 0 count as 0, where JAX has infinities among NaN. */
const zeroElements = ["norm 1.5 [0,3,4]", "norm 0.5 [0,3,4]"];

function agree(got: number, want: number, tolerance: number): boolean {
  if (Number.isNaN(want)) return true; // where JAX has no answer, ours may be better
  if (!Number.isFinite(want) || !Number.isFinite(got)) return got === want;
  return Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want));
}

for (const [name, edges] of Object.entries(table)) {
  Deno.test(`${name} has JAX's values and derivatives at poles, kinks and infinities`, () => {
    const points = edges.map(([args]) => args.map(number));
    for (const [dtype, tolerance] of [["float64", 1e-13], ["float32", 1e-5]] as const) {
      for (const { ops, at } of derivatives(functions[name], points, dtype)) {
        edges.forEach(([, value, gradient, hessian], i) => {
          const key = `${name} ${JSON.stringify(points[i])}`;
          const stored = [value, ...gradient, ...hessian].map(number);
          const got = at.map((entry) => entry[i]);
          const wanted = ours[key] ??
            (zeroElements.includes(key) ? stored.map((x) => Number.isFinite(x) ? x : 0) : stored);
          const message = `${key}, ${column(dtype, ops)}: got ${got}, want ${wanted}`;
          // A Hessian that JAX has in part only is not asked for.
          const asked = zeroElements.includes(key) ? got.slice(0, stored.length - 9) : got;
          assert(asked.every((x, k) => agree(x, wanted[k], tolerance)), message);
          if (zeroElements.includes(key)) assert(got.every(Number.isFinite), message);
        });
      }
    }
  });
}

Deno.test("NaN in gives NaN out, whatever the function", () => {
  const xs = [NaN, 0.25, NaN];
  for (const [name, fn] of Object.entries(functions)) {
    if (fn.length !== 1 || name === "pow 0") continue;
    for (const dtype of ["float64", "float32"] as const) {
      for (const { ops, at } of derivatives(fn, xs.map((x) => [x]), dtype)) {
        const found = Array.from(at[0]).map(Number.isNaN);
        const what = `${name}, ${column(dtype, ops)}`;
        const outside = name === "acosh"; // NaN below 1
        assertEquals(found, [true, outside, true], what);
      }
    }
  }
});

/** Third derivatives, too, take nothing from the side of a choice that was not taken. */
const smoothAtZero: [string, (x: Tensor) => Tensor, number[]][] = [
  ["x ** y with y = 2", (x) => x.pow(tensor(2, { dtype: "float64" })), [0, 0, 2, 0]],
  ["x ** y with y = 3", (x) => x.pow(tensor(3, { dtype: "float64" })), [0, 0, 0, 6]],
  ["norm squared", (x) => x.reshape(1).norm().square(), [0, 0, 0, 0]],
  ["logit at 1/2", (x) => x.add(0.5).logit(), [0, 4, 0, 32]],
  ["asinh", (x) => x.asinh(), [0, 1, 0, -1]],
  ["atanh", (x) => x.atanh(), [0, 1, 0, 2]],
  ["tanh", (x) => x.tanh(), [0, 1, 0, -2]],
  ["sigmoid", (x) => x.sigmoid(), [0.5, 0.25, 0, -0.125]],
  ["elu's lower side", (x) => x.elu(), [0, 1, 1, 1]],
  ["binary cross-entropy", (x) => x.sigmoid().log().neg(), [Math.LN2, -0.5, 0.25, 0]],
];

Deno.test("third derivatives at 0 are finite and right", () => {
  for (const [name, fn, want] of smoothAtZero) {
    const x = tensor(0, { dtype: "float64", requiresGrad: true });
    const got = [fn(x)];
    for (let order = 1; order <= 3; order++) {
      const y = got[order - 1];
      const [g] = y.requiresGrad
        ? autograd.grad(y, [x], { createGraph: true, allowUnused: true })
        : [null];
      got.push(g ?? tensor(0, { dtype: "float64" }));
    }
    const values = got.map((y) => y.item());
    assert(
      values.every((v, i) => agree(v, want[i], 1e-12)),
      `${name}: got ${values}, want ${want}`,
    );
  }
});

Deno.test("mixed derivatives of x ** y do not depend on the order", () => {
  const f64 = { dtype: "float64" } as const;
  for (const [a, b, want] of [[2, 0, 0.5], [0.5, 0, 2], [3, 2, 3 + 6 * Math.log(3)]]) {
    const x = tensor(a, f64), y = tensor(b, f64), fn = (x: Tensor, y: Tensor) => x.pow(y);
    const byX = func.grad(func.grad(fn, { argnums: 0 }), { argnums: 1 })(x, y) as Tensor;
    const byY = func.grad(func.grad(fn, { argnums: 1 }), { argnums: 0 })(x, y) as Tensor;
    for (const d of [byX, byY]) assert(agree(d.item(), want, 1e-13), `${a} ** ${b}: ${d.item()}`);
  }
});
