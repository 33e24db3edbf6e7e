/** Linear solvers on trees: they agree, and say what is wrong. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { autograd, gradcheck, linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

interface Tree {
  readonly a: Tensor;
  readonly b: readonly [Tensor];
}

/** A symmetric positive definite map in which the leaves depend on each other. */
const symmetric = ({ a, b: [b] }: Tree): Tree => ({
  a: a.mul(4).add(b.sum()),
  b: [b.mul(5).add(a.sum())],
});

const rhs: Tree = { a: tensor([1, 2], f64), b: [tensor([[3], [4]], f64)] };

const { solveInv, solveCg, solveNormalCg, solveGmres, solveBicgstab, solveMinres } = linearSolve;
const { solveLu, solveCholesky, solveLstsq, auto } = linearSolve;
const solvers = {
  solveCg: solveCg({ rtol: 1e-12 }),
  solveNormalCg: solveNormalCg({ rtol: 1e-13 }),
  solveInv: solveInv(),
  "solveInv by a series": solveInv({ ns: true, maxiter: 400, alpha: 0.15 }),
  solveGmres: solveGmres({ rtol: 1e-12 }),
  solveBicgstab: solveBicgstab({ rtol: 1e-12 }),
  solveMinres: solveMinres({ rtol: 1e-12 }),
  solveLu: solveLu(),
  solveCholesky: solveCholesky(),
  solveLstsq: solveLstsq(),
  auto: auto(),
  "auto of positive systems": auto({ positive: true }),
  "auto without the matrix": auto({ dense: 0, rtol: 1e-12 }),
  "auto of symmetric systems without the matrix": auto({ dense: 0, symmetric: true, rtol: 1e-12 }),
};

for (const [name, solve] of Object.entries(solvers)) {
  Deno.test(`${name} solves for coupled trees`, () => {
    const x = solve(symmetric, rhs), back = symmetric(x);
    assertClose(back.a, rhs.a, 1e-9);
    assertClose(back.b[0], rhs.b[0], 1e-9);
    assertEquals(solve.solution(symmetric, rhs).status, "converged");
    const none = solve((x: Tensor) => x, tensor([], f64));
    assertEquals(none.shape, [0]);
    assertClose(solve((x: Tensor) => x.mul(4), tensor(2, f64)), tensor(0.5, f64), 1e-12);
  });

  Deno.test(`${name} has derivatives of order 2`, () => {
    const scale = tensor(1.5, f64).requiresGrad_(), b = tensor([1, 2], f64).requiresGrad_();
    const A = tensor([[4, 1], [1, 3]], f64);
    assert(gradcheck((s: Tensor, b: Tensor) => solve((v: Tensor) => A.matmul(v).mul(s), b), [
      scale,
      b,
    ], { order: 2 }));
  });
}

Deno.test("solvers take a ridge and a start", () => {
  const A = tensor([[1, 2], [2, 4]], f64), b = tensor([1, 0], f64);
  const want = A.add(tensor([[0.5, 0], [0, 0.5]], f64)).inverse().matmul(b);
  const matvec = (v: Tensor) => A.matmul(v);
  for (const make of [solveInv, solveLu, solveCholesky, solveLstsq, solveCg, solveGmres, auto]) {
    const ridge = tensor(0.5, { ...f64, requiresGrad: true });
    const x = (make as typeof solveCg)({ ridge })(matvec, b);
    assertClose(x, want, 1e-6);
    assert(Number.isFinite(autograd.grad(x.sum(), [ridge])[0]!.item()));
  }
  const start = solveCg({ init: tensor([3, 1], f64) }).solution(
    (v: Tensor) => v,
    tensor([3, 1], f64),
  );
  assertEquals([start.status, start.iterations], ["converged", 0]);
});

Deno.test("solveLstsq() finds the shortest solution of a singular system", () => {
  const A = tensor([[1, 1], [1, 1]], f64);
  const x = solveLstsq()((v: Tensor) => A.matmul(v), tensor([2, 2], f64));
  assertClose(x, tensor([1, 1], f64), 1e-12);
});

Deno.test("direct solvers say that there is no solution", () => {
  const matvec = (v: Tensor) => v.mul(tensor([1, 0], f64)), b = tensor([1, 1], f64);
  assertEquals(solveLu().solution(matvec, b).status, "not finite");
  assertEquals(solveInv().solution(matvec, b).status, "not finite");
  assertEquals(solveCholesky().solution((v: Tensor) => v.neg(), b).status, "not finite");
});

Deno.test("solvers say what is wrong with their arguments", () => {
  const b = tensor([1, 2], f64);
  const wrong: [() => unknown, string][] = [
    [() => solveCg({ maxIter: 1 } as never), "solveCg: there is no option maxIter"],
    [() => solveCg()(3 as never, b), "solveCg: matvec is 3, wants a function"],
    [() => solveCg({ init: tensor([1], f64) })((x: Tensor) => x, b), "solveCg: x0 has shape [1]"],
    [() => solveInv({ maxiter: 3 }), "solveInv: maxiter and alpha belong to the Neumann series"],
    [() => solveInv({ ns: 1 as never }), "solveInv: ns is 1, wants true or false"],
    [() => solveInv({ ridge: "a" as never }), 'solveInv: ridge is "a"'],
    [() => solveLu({ pivot: 1 } as never), "solveLu: there is no option pivot"],
    [() => solveLu()((x: Tensor) => x.sum(), b), "solveLu: what matvec returned has shape []"],
    [() => solveGmres({ restart: -1 }), "solveGmres: restart is -1"],
    [() => auto({ symmetric: 1 as never }), "auto: symmetric is 1, wants true or false"],
    [() => auto({ dense: 1.5 }), "auto: dense is 1.5"],
    [() => auto({ sparse: true } as never), "auto: there is no option sparse"],
    [() => solveNormalCg()((x: Tensor) => x, tensor([1], { dtype: "int32" })), "b is int32"],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
});
