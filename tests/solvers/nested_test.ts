/** Solvers inside of functions that are given to solvers. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { autograd, func, linearSolve, solvers, type Tensor, tensor } from "@torchopt/torchopt";

const f64 = { dtype: "float64" } as const, zero = () => tensor(0, f64);

// Each is a / 2.
const halves: Record<string, (a: Tensor) => Tensor> = {
  minimize: (a) => solvers.minimize((x: Tensor) => x.sub(a).square().add(x.square()), zero()).value,
  rootFind: (a) => solvers.rootFind((x: Tensor) => x.mul(2).sub(a), zero()).value,
  fixedPoint: (a) => solvers.fixedPoint((x: Tensor) => x.add(a).div(3), zero()).value,
};

for (const [name, half] of Object.entries(halves)) {
  Deno.test(`${name}() inside of what other solvers solve`, () => {
    const least = solvers.minimize((a: Tensor) => half(a).sub(1).square(), zero());
    assertEquals(least.status, "converged");
    assertAlmostEquals(least.value.item(), 2, 1e-6);
    const root = solvers.rootFind((a: Tensor) => half(a).pow(3).sub(8), tensor(3, f64));
    assertAlmostEquals(root.value.item(), 4, 1e-8);
    const fit = solvers.leastSquares((a: Tensor) => half(a).square().sub(4), tensor(3, f64));
    assertAlmostEquals(fit.value.item(), 4, 1e-6);
    // By the outer parameter.
    const outer = (t: Tensor) =>
      solvers.rootFind((a: Tensor) => half(a).pow(3).sub(t), tensor(3, f64)).value;
    assertAlmostEquals(func.grad(outer)(tensor(8, f64)).item(), 2 / 12, 1e-7);
  });
}

Deno.test("a solver in a loop's body has the derivative of what its function reads outside", () => {
  for (const [name, half] of Object.entries(halves)) {
    const repeated = (a: Tensor) =>
      func.scan(
        (c: Tensor, _: Tensor) => {
          // (c + a) / 2, where the function of the solver is the first to read a.
          const { value } = name === "rootFind"
            ? solvers.rootFind((x: Tensor) => x.mul(2).sub(c).sub(a), zero())
            : { value: half(c.add(a)) };
          return [value, value];
        },
        a,
        tensor([1, 2, 3], f64),
      )[0];
    assertAlmostEquals(func.grad(repeated)(tensor(2, f64)).item(), 1, 1e-7, name);
  }
});

const tight = { rtol: 1e-10, atol: 1e-12 };
const linear = {
  auto: linearSolve.auto(),
  normalCg: linearSolve.solveNormalCg(tight),
  gmres: linearSolve.solveGmres(tight),
};

// Solvers of g(x) = a, where g may have solvers inside.
type Fn = (x: Tensor) => Tensor;
const inverses: Record<string, (g: Fn) => Fn> = {
  root: (g) => (a) => solvers.rootFind((x: Tensor) => g(x).sub(a), one()).value,
  point: (g) => (a) =>
    solvers.fixedPoint((x: Tensor) => x.sub(g(x).sub(a).mul(0.3)), one(), { rtol: 1e-13 }).value,
  least: (g) => (a) => solvers.minimize((x: Tensor) => g(x).sub(a).square(), one()).value,
};
const inside = (x: Tensor) => x.add(x.pow(3).mul(0.1));

for (
  const names of [["root", "root", "root"], ["point", "root", "least"], ["least", "least", "root"]]
) {
  Deno.test(`three solvers one inside of the other: ${names.join(" in ")}`, () => {
    // h1 inverts x + x^3 / 10, h2 x + h1(x) / 2, h3 x + h2(x) / 2.
    let h: Fn = inverses[names[0]](inside);
    for (const name of names.slice(1)) {
      const inner = h;
      h = inverses[name]((x) => x.add(inner(x).mul(0.5)));
    }
    const z = 0.8, x1 = z + z ** 3 / 10, x2 = x1 + z / 2, x3 = x2 + x1 / 2;
    const d = 1 + 0.3 * z ** 2, slope = 1.5 * d + 0.5;
    // x1' = d, x2' = d + 1/2, x3' = 1.5 d + 1/2 by z; h3(x3) = x2.
    const t = tensor(x3, { dtype: "float64", requiresGrad: true }), y = h(t);
    assertAlmostEquals(y.item(), x2, 1e-6);
    const [first] = autograd.grad(y, [t], { createGraph: true }) as [Tensor];
    assertAlmostEquals(first.item(), (d + 0.5) / slope, 1e-5);
    const second = autograd.grad(first, [t])[0]!;
    const curve = 0.6 * z;
    assertAlmostEquals(second.item(), (curve * slope - (d + 0.5) * 1.5 * curve) / slope ** 3, 1e-4);
  });
}

Deno.test("a third solver inside of two has the right slope in the outer one's iterations", () => {
  // Half of a, then b, then 4: the outer function has no other slope than that of the two inside.
  const half = (a: Tensor) => solvers.rootFind((x: Tensor) => x.mul(2).sub(a), one()).value;
  const same = {
    minimize: (b: Tensor) =>
      solvers.minimize((a: Tensor) => half(a).sub(b.div(2)).square(), zero()).value,
    rootFind: (b: Tensor) => solvers.rootFind((a: Tensor) => half(a).sub(b.div(2)), zero()).value,
  };
  for (const [name, fn] of Object.entries(same)) {
    const { value, status } = solvers.minimize((b: Tensor) => fn(b).sub(4).square(), zero());
    assertEquals(status, "converged");
    assertAlmostEquals(value.item(), 4, 1e-6, name);
    const slopes = (b: Tensor) => steps((c) => func.grad(fn)(c).add(c), b);
    assertAlmostEquals(slopes(one()).item(), 3, 1e-6, name);
  }
});

for (const [name, solve] of Object.entries(linear)) {
  Deno.test(`the rule of a solver around a solver may solve by iterations: ${name}`, () => {
    // x + x^3 / 10 = y and x + y / 10 = b, element by element.
    const b = tensor([1, 1.5, 2], { dtype: "float64", requiresGrad: true }), options = { solve };
    const start = () => tensor([1, 1, 1], f64);
    const inner = (y: Tensor) =>
      solvers.rootFind((x: Tensor) => inside(x).sub(y), start(), options).value;
    const fn = (b: Tensor) =>
      solvers.rootFind((y: Tensor) => inner(y).add(y.mul(0.1)).sub(b), start(), options).value;
    const y = fn(b), x = inner(y.detach()).detach();
    const d = x.square().mul(0.3).add(1), wanted = d.div(d.mul(0.1).add(1));
    const [g] = autograd.grad(y.sum(), [b]) as [Tensor];
    assert(g.allclose(wanted, { rtol: 1e-6 }), `${g.toArray()} ${wanted.toArray()}`);
  });
}

const loopsAround: Record<string, (a: Tensor) => Tensor> = {
  "scan, the carry": (a) => steps((c) => rootOf((z) => z.mul(2).sub(c)), a),
  "scan, what is outside": (a) => steps((c) => rootOf((z) => z.mul(2).sub(a)).add(c), a),
  "scan, both": (a) => steps((c) => rootOf((z) => z.mul(2).sub(c).sub(a)), a),
  "scan, a fixed point": (a) =>
    steps((c) => solvers.fixedPoint((z: Tensor) => z.mul(0.5).add(c.mul(a).sin()), one()).value, a),
  "scan, a minimum": (a) =>
    steps((c) => solvers.minimize((z: Tensor) => z.sub(c.mul(a)).square(), one()).value, a),
  "a loop of any length": (a) =>
    func.whileLoop(
      ({ k }: Steps) => k.lt(2),
      ({ k, c }: Steps) => ({ k: k.add(1), c: rootOf((z) => z.mul(2).sub(c).sub(a)) }),
      { k: tensor(0, { dtype: "int32" }), c: a },
    ).c,
};

interface Steps {
  k: Tensor;
  c: Tensor;
}
const one = () => tensor(1, { dtype: "float64" });
const rootOf = (fn: (z: Tensor) => Tensor) => solvers.rootFind(fn, one()).value;
const steps = (fn: (c: Tensor) => Tensor, start: Tensor) =>
  func.scan(
    (c: Tensor) => {
      const next = fn(c);
      return [next, next];
    },
    start,
    null,
    { length: 2 },
  )[0];

for (const [name, fn] of Object.entries(loopsAround)) {
  Deno.test(`directions go forward through loops around solvers: ${name}`, () => {
    const a = tensor(0.7, { dtype: "float64" }), h = 1e-5;
    const value = (x: number) => fn(tensor(x, { dtype: "float64" })).item();
    const wanted = (value(0.7 + h) - value(0.7 - h)) / (2 * h);
    const [, dy] = func.jvp(fn, [a], [one()]);
    assertAlmostEquals(dy.item(), wanted, 1e-6);
  });
}
