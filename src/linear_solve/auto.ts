/**
 * Choosing a solver.
 *
 * @module
 */

import type { TensorTree } from "../base.ts";
import { sizeOf } from "../linalg/iterative/vectors.ts";
import { type PyTree, treeLeaves } from "../pytree/mod.ts";
import { checkNames, checkObject, describe } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import { linearSolver } from "./make_solver.ts";
import { solveCg } from "./solve_cg.ts";
import { solveCholesky } from "./solve_cholesky.ts";
import { solveGmres } from "./solve_gmres.ts";
import { solveLu } from "./solve_lu.ts";
import { solveMinres } from "./solve_minres.ts";
import type { InformativeSolver, IterativeSolverOptions } from "./solver.ts";

/** Options of {@linkcode auto}. */
export interface AutoOptions extends IterativeSolverOptions {
  /** Whether `A` is known to be symmetric, as the Hessian of a loss is (default false). */
  readonly symmetric?: boolean;
  /** Whether `A` is known to be symmetric and positive definite (default false). */
  readonly positive?: boolean;
  /** Up to how many unknowns the matrix is made (default 256). */
  readonly dense?: number;
}

/**
 * A solver that chooses by what is known of the system: up to `dense` unknowns the matrix is made and
 * decomposed, by Cholesky where `A` is `positive`, else by LU; beyond that CG where it is `positive`,
 * MINRES where it is `symmetric`, else GMRES.
 *
 * @param options `symmetric`, `positive`, `dense`, `ridge`; those of iterative solvers, for them
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[0, 1], [-2, 3]], { dtype: "float64" });
 * const x = linearSolve.auto()((v: Tensor) => A.matmul(v), tensor([1, 1], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-12);
 * ```
 */
export function auto(options: AutoOptions = {}): InformativeSolver {
  checkObject("auto", options);
  const { symmetric = false, positive = false, dense = 256, ...rest } = options;
  for (const [name, value] of Object.entries({ symmetric, positive })) {
    if (typeof value === "boolean") continue;
    throw new TypeError(`auto: ${name} is ${describe(value)}, wants true or false.`);
  }
  if (!Number.isInteger(dense) || dense < 0) {
    throw new RangeError(`auto: dense is ${describe(dense)}, wants a whole number >= 0.`);
  }
  const names = ["init", "rtol", "atol", "maxiter", "M", "ridge", "differentiate"];
  checkNames("auto", options, ["symmetric", "positive", "dense", ...names]);
  const direct = positive ? solveCholesky : solveLu;
  const iterative = positive ? solveCg : symmetric ? solveMinres : solveGmres;
  const small = direct({ ridge: rest.ridge }), large = iterative(rest);
  return linearSolver("auto", (matvec, b) => {
    const leaves = treeLeaves(b as PyTree<unknown> as TensorTree).filter((x) =>
      x instanceof Tensor
    );
    return (sizeOf(leaves) <= dense ? small : large).solution(matvec, b);
  }, large.truncates);
}
