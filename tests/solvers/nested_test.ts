/** Solvers inside of functions that are given to solvers. */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { func, GradientError, solvers, type Tensor, tensor } from "@torchopt/torchopt";

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

Deno.test("a third solver inside of two is refused, with the way out", () => {
  // Unrolled derivatives need an iteration: 1 is no solution.
  const one = tensor(1, f64);
  const half = (a: Tensor, differentiate: "implicit" | "unroll") =>
    solvers.rootFind((x: Tensor) => x.mul(2).sub(a), one, { differentiate, maxiter: 20 }).value;
  const most = (differentiate: "implicit" | "unroll") =>
    solvers.minimize(
      (b: Tensor) =>
        solvers.minimize(
          (a: Tensor) => half(a, differentiate).sub(b.div(2)).square(),
          zero(),
        ).value.sub(4).square(),
      zero(),
    ).value;
  assertThrows(() => most("implicit"), GradientError, 'Give it { differentiate: "unroll" }');
  assertAlmostEquals(most("unroll").item(), 4, 1e-6);
});

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
