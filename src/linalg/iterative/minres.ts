/**
 * Minimal residuals (Paige & Saunders, Solution of sparse indefinite systems of linear equations,
 * 1975).
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import { minimalResiduals } from "./minres_method.ts";
import type { Solution } from "./solution.ts";
import { solveTree } from "./solve.ts";
import type { IterativeOptions, LinearOperator } from "./types.ts";

/**
 * Solves `A x = b` by MINRES and says how good the result is: see {@linkcode minres}. Where the system
 * has no solution, the status is `"stagnated"` at the smallest residual.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const swap = tensor([[0, 1], [1, 0]], { dtype: "float64" });
 * const b = tensor([1, 2], { dtype: "float64" });
 * assertEquals(linalg.minresSolution(swap, b).status, "converged");
 * ```
 */
export function minresSolution<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): Solution<T> {
  return solveTree("minresSolution", minimalResiduals, A, b, x0, options);
}

/**
 * Solves `A x = b` by MINRES, for a symmetric `A` that need not be positive definite. The residual never
 * grows. A preconditioner has to be symmetric and positive definite.
 *
 * @param A a matrix, a tree of matrices (one for each leaf of b), or a function of trees like b
 * @param b a tree of floating-point tensors; all leaves are one vector together
 * @param x0 where to start (default 0)
 * @param options tolerances, `maxiter`, preconditioner `M`, `ridge`, `differentiate`
 * @returns the solution, a tree like b; its derivative is that of the equation
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const swap = tensor([[0, 1], [1, 0]], { dtype: "float64" });
 * const x = linalg.minres(swap, tensor([1, 1], { dtype: "float64" }), null, { rtol: 1e-12 });
 * assert(x.sub(1).abs().max().item() < 1e-10);
 * ```
 */
export function minres<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): T {
  return solveTree("minres", minimalResiduals, A, b, x0, options).value;
}
