/**
 * Solving by conjugate gradients on the normal equations.
 *
 * @module
 */

import { type Leaves, type LinearMap, transpose } from "../autodiff/implicit.ts";
import { conjugateGradients } from "../linalg/iterative/cg_method.ts";
import { takeLike, takeOperator, takeVector } from "../linalg/iterative/operator.ts";
import { settingsOf } from "../linalg/iterative/options.ts";
import { Solution } from "../linalg/iterative/solution.ts";
import { solveTree } from "../linalg/iterative/solve.ts";
import { codeOf, statusOf } from "../linalg/iterative/status.ts";
import { minus, norm } from "../linalg/iterative/vectors.ts";
import { withGrad } from "../graph/node.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { checkObject } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { linearSolver } from "./make_solver.ts";
import type { InformativeSolver, IterativeSolverOptions } from "./solver.ts";

/** How much of the right side may be left by a solution. */
const INCONSISTENT = 0.1;

/**
 * A solver of `A x = b` by conjugate gradients on `A^T A x = A^T b`, for any square `A` of full rank.
 * Where the system has no solution, the point nearest to one is found, with the
 * status `"stagnated"`. The condition number is squared: where `A` is ill-conditioned, `solveGmres()`, `solveLstsq()` or
 * `solveInv()` do better.
 *
 * @param options `ridge` (solves `A^T A x + ridge x = A^T b`), `init`, and those of `linalg.cg`; `rtol`
 * is relative to the norm of `A^T b`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[0, 1], [-2, 3]], { dtype: "float64" });
 * const solver = linearSolve.solveNormalCg({ rtol: 1e-10 });
 * const x = solver((v: Tensor) => A.matmul(v), tensor([1, 1], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-12);
 * ```
 */
export function solveNormalCg(options: IterativeSolverOptions = {}): InformativeSolver {
  const op = "solveNormalCg";
  checkObject(op, options);
  const { init, ...rest } = options;
  const { maxiter, ridge } = settingsOf(op, rest);
  return linearSolver(op, (matvec, b) => {
    const rhs = takeVector(op, "b", b);
    if (init !== undefined && init !== null) takeLike(op, "init", init, rhs, "b");
    const forward = takeOperator(op, "matvec", matvec, rhs), back = transpose(forward, rhs.leaves);
    const tree = (x: Leaves) => treeUnflatten(rhs.def, x) as typeof b;
    const list = (x: typeof b) => treeFlatten(x as PyTree<Tensor>).leaves;
    const normal = (x: typeof b) => tree(back(forward(list(x))));
    const start = init as typeof b, projected = tree(back(rhs.leaves));
    const found = solveTree(op, conjugateGradients, normal, projected, start, rest);
    return ridge === null
      ? unlessInconsistent(found, forward, rhs.leaves, list(found.value))
      : found;
  }, maxiter !== null);
}

/** What converged may be the nearest point of a system without a solution: no more than that then. */
function unlessInconsistent<T>(
  { value, tensors }: Solution<T>,
  forward: LinearMap,
  b: Leaves,
  x: Leaves,
): Solution<T> {
  return withGrad(false, () => {
    const residual = norm(minus(b, forward(x)));
    const inconsistent = residual.gt(norm(b).mul(INCONSISTENT));
    const lost = inconsistent.logicalAnd(tensors.status.eq(codeOf("converged")));
    const status = statusOf([[lost, "stagnated"]], tensors.status);
    return new Solution(value, { ...tensors, residual, status });
  });
}
