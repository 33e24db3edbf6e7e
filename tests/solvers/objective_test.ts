import { assertAlmostEquals, assertEquals } from "@std/assert";
import { autograd, compile, func, solvers, type Tensor, tensor } from "@torchopt/torchopt";

// min over x of x^2 / 2 - b x is -b^2 / 2.
const least = (b: Tensor) =>
  solvers.minimize((x: Tensor) => x.square().div(2).sub(x.mul(b)).sum(), b.mul(0)).tensors
    .objective;

Deno.test("the objective of a minimum has its derivatives with respect to what the function reads", () => {
  const b = tensor(3, { dtype: "float64" });
  assertAlmostEquals(least(b).item(), -4.5, 1e-9);
  assertAlmostEquals(func.grad(least)(b).item(), -3, 1e-7);
  assertAlmostEquals(func.jvp(least, [b], [b])[1].item(), -9, 1e-7);
  assertAlmostEquals(func.grad(func.grad(least))(b).item(), -1, 1e-7);
  const slopes = func.vmap(func.grad(least))(tensor([1, -2], { dtype: "float64" }));
  assertEquals(slopes.mul(1e6).round().div(1e6).toArray(), [-1, 2]);
  assertAlmostEquals(compile(func.grad(least))(b).item(), -3, 1e-7);
  const leaf = tensor([1, 2], { dtype: "float64", requiresGrad: true });
  const [g] = autograd.grad(least(leaf), [leaf]);
  assertAlmostEquals(g!.add(leaf).abs().sum().item(), 0, 1e-7);
});

Deno.test("without derivatives the objective has none", () => {
  const b = tensor(3, { dtype: "float64", requiresGrad: true });
  const fn = (x: Tensor) => x.sub(b).square();
  const { tensors } = solvers.minimize(fn, tensor(0, { dtype: "float64" }), {
    differentiate: "none",
  });
  assertEquals(tensors.objective.requiresGrad, false);
});
