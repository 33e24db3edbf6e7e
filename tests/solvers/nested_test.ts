/** Solvers inside of functions that are given to solvers. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { func, solvers, type Tensor, tensor } from "@torchopt/torchopt";

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
