/** Nonlinear solvers: ways to differentiate, dtypes, trees, compile(), errors. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { autograd, compile, func, solvers, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

/** Problems whose solution is the square root of a, by each solver. */
const roots: Record<
  string,
  (a: Tensor, x0: Tensor, options: solvers.SolverOptions) => solvers.Minimum | { value: Tensor }
> = {
  rootFind: (a, x0, options) =>
    solvers.rootFind((x: Tensor) => x.square().sub(a), x0, options as solvers.RootFindOptions),
  fixedPoint: (a, x0, options) =>
    solvers.fixedPoint((x: Tensor) => x.add(a.div(x)).div(2), x0, options),
  minimize: (a, x0, options) =>
    solvers.minimize((x: Tensor) => x.pow(3).div(3).sub(x.mul(a)).sum(), x0, options),
  leastSquares: (a, x0, options) =>
    solvers.leastSquares((x: Tensor) => x.square().sub(a), x0, options),
};

for (const [name, solve] of Object.entries(roots)) {
  Deno.test(`${name}() has the same gradient by the equation and through the iterations`, () => {
    const a = tensor([2, 9], { ...f64, requiresGrad: true }), x0 = tensor([1.5, 2.5], f64);
    const want = [0.5 / Math.SQRT2, 1 / 6];
    for (const differentiate of ["implicit", "unroll"] as const) {
      const { value } = solve(a, x0, { differentiate, maxiter: 12 });
      assertClose(value, [Math.SQRT2, 3], 1e-6, differentiate);
      const [g] = autograd.grad(value.sum(), [a]);
      assertClose(g!, want, 1e-5, differentiate);
    }
    assert(!solve(a, x0, { differentiate: "none" }).value.requiresGrad);
  });

  Deno.test(`${name}() in float32, inside of compile() and from a tree`, () => {
    const a = tensor([2, 9]), x0 = tensor([1.5, 2.5]);
    const plain = solve(a, x0, {}).value;
    assertEquals(plain.dtype, "float32");
    assertClose(plain, [Math.SQRT2, 3], 1e-3);
    const gradient = (a: Tensor) => func.grad((a: Tensor) => solve(a, x0, {}).value.sum())(a);
    assertClose(compile(gradient)(a), gradient(a), 1e-4);
  });
}

Deno.test("solvers take trees", () => {
  type P = { u: Tensor; v: readonly [Tensor] };
  const x0: P = { u: tensor(1, f64), v: [tensor([1, 1], f64)] };
  const F = ({ u, v: [v] }: P): P => ({ u: u.mul(2).sub(v.sum()), v: [v.pow(3).sub(8)] });
  const { value, status } = solvers.rootFind(F, x0);
  assertEquals(status, "converged");
  assertClose(value.u, tensor(2, f64), 1e-9);
  assertClose(value.v[0], tensor([2, 2], f64), 1e-9);
  const minimum = solvers.minimize(
    ({ u, v: [v] }: P) => u.sub(1).square().add(v.sub(u).square().sum()),
    x0,
  );
  assertClose(minimum.value.v[0], tensor([1, 1], f64), 1e-7);
});

Deno.test("vmap() of minimize() gives the status of each problem", () => {
  const found = func.vmap((a: Tensor) =>
    solvers.minimize((x: Tensor) => x.sub(a).square().sum(), a.mul(0), { maxiter: 5 })
  )(tensor([[1, 2], [3, NaN]], f64));
  assertEquals(found.statuses, ["converged", "not finite"]);
  assertEquals(found.tensors.objective.shape, [2]);
  assertThrows(() => found.objective, TypeError, "objective differs by example in this batch of 2");
});

Deno.test("solvers give no gradient of what is no solution", () => {
  const a = tensor([1], { ...f64, requiresGrad: true });
  const { value, status } = solvers.rootFind((x: Tensor) => x.sub(a), tensor([0], f64), {
    method: solvers.bisection({ lower: 2, upper: 3 }),
  });
  assertEquals(status, "breakdown");
  assertEquals(autograd.grad(value.sum(), [a])[0]!.toArray(), [NaN]);
});

Deno.test("solvers say what is wrong with their arguments", () => {
  const f = (x: Tensor) => x, x0 = tensor([1, 2], f64);
  const wrong: [() => unknown, string][] = [
    [() => solvers.rootFind(3 as never, x0), "rootFind: the function is 3"],
    [() => solvers.rootFind(f, tensor([1]).to("int32")), "rootFind: x0 is int32"],
    [() => solvers.rootFind(f, [] as never), "rootFind: x0 is an array of 0"],
    [() => solvers.rootFind((x: Tensor) => x.sum(), x0), "rootFind: what it returned has shape []"],
    [
      () => solvers.rootFind(f, x0, { method: "newton" as never }),
      'method is "newton", wants newton()',
    ],
    [() => solvers.rootFind(f, x0, { tol: 1 } as never), "rootFind: there is no option tol"],
    [() => solvers.rootFind(f, x0, { atol: -1 }), "rootFind: atol is -1"],
    [() => solvers.rootFind(f, x0, { differentiate: "no" as never }), 'differentiate is "no"'],
    [() => solvers.bisection({ lower: 0 } as never), ""],
    [() => solvers.minimize(f, x0), "minimize: the function returned shape [2], wants a scalar"],
    [
      () => solvers.minimize((x: Tensor) => x.sum(), x0, { rtol: 1 } as never),
      "there is no option rtol",
    ],
    [() => solvers.minimize(() => 3 as never, x0), "minimize: the function returned 3"],
    [() => solvers.lbfgs({ history: 0 }), "lbfgs: history is 0"],
    [() => solvers.bfgs({ lineSearch: 1 as never }), "bfgs: lineSearch is 1"],
    [() => solvers.strongWolfe({ c1: 0.9, c2: 0.1 }), "c1 has to be the smaller one"],
    [() => solvers.backtracking({ factor: 2 }), "backtracking: factor is 2"],
    [() => solvers.picard({ damping: 0 }), "picard: damping is 0"],
    [() => solvers.anderson({ history: 1.5 }), "anderson: history is 1.5"],
    [() => solvers.levenbergMarquardt({ damping: 0 }), "levenbergMarquardt: damping is 0"],
    [() => solvers.dogleg({ radius: -1 }), "dogleg: radius is -1"],
    [() => solvers.gaussNewton({ damped: 1 as never }), "gaussNewton: damped is 1"],
    [
      () => solvers.fixedPoint(f, x0, { method: solvers.lbfgs() as never, maxiter: -1 }),
      "maxiter is -1",
    ],
  ];
  for (const [call, message] of wrong) {
    if (message !== "") assertThrows(call, Error, message);
  }
  const half = solvers.bisection({ lower: 0 } as never);
  assertThrows(
    () => solvers.rootFind(f, x0, { method: half }),
    TypeError,
    "bisection: upper is undefined",
  );
});
