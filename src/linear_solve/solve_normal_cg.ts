/**
 * Solving by conjugate gradients on the normal equations.
 *
 * @module
 */

import { type Leaves, transpose } from "../autodiff/implicit.ts";
import { conjugateGradients } from "../linalg/iterative/cg.ts";
import { takeLike, takeOperator, takeVector } from "../linalg/iterative/operator.ts";
import { settingsOf } from "../linalg/iterative/options.ts";
import { solveTree } from "../linalg/iterative/solve.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { IterativeSolverOptions } from "./solve_cg.ts";
import { type InformativeSolver, linearSolver } from "./solver.ts";

/**
 * A solver of `A x = b` by conjugate gradients on `A^T A x = A^T b`, for any square `A` of full rank.
 * The condition number is squared: where `A` is ill-conditioned, `solveGmres()`, `solveLstsq()` or
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
  const op = "solveNormalCg", { init, ...rest } = options;
  const { maxiter } = settingsOf(op, rest);
  return linearSolver(op, (matvec, b) => {
    const rhs = takeVector(op, "b", b);
    if (init !== undefined && init !== null) takeLike(op, "init", init, rhs, "b");
    const forward = takeOperator(op, "matvec", matvec, rhs), back = transpose(forward, rhs.leaves);
    const tree = (x: Leaves) => treeUnflatten(rhs.def, x) as typeof b;
    const normal = (x: typeof b) => {
      const { leaves } = treeFlatten(x as PyTree<Tensor>);
      return tree(back(forward(leaves)));
    };
    return solveTree(
      op,
      conjugateGradients,
      normal,
      tree(back(rhs.leaves)),
      init as typeof b,
      rest,
    );
  }, maxiter !== null);
}
