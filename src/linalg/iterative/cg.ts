/**
 * Conjugate gradients (Hestenes & Stiefel, Methods of conjugate gradients for solving linear systems,
 * 1952).
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import { conjugateGradients } from "./cg_method.ts";
import type { Solution } from "./solution.ts";
import { solveTree } from "./solve.ts";
import type { IterativeOptions, LinearOperator } from "./types.ts";

/**
 * Solves `A x = b` by conjugate gradients and says how good the result is: see {@linkcode cg}.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[2, 1], [1, 3]], { dtype: "float64" });
 * const b = tensor([3, 4], { dtype: "float64" });
 * assertEquals(linalg.cgSolution(A, b, null, { maxiter: 1 }).status, "maxiter");
 * ```
 */
export function cgSolution<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): Solution<T> {
  return solveTree("cgSolution", conjugateGradients, A, b, x0, options);
}

/**
 * Solves `A x = b` by conjugate gradients, for a symmetric positive definite `A`.
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
 * const A = tensor([[2, 1], [1, 3]], { dtype: "float64" });
 * const x = linalg.cg(A, tensor([3, 4], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-12);
 * ```
 */
export function cg<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): T {
  return solveTree("cg", conjugateGradients, A, b, x0, options).value;
}
