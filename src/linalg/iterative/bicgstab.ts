/**
 * Stabilized biconjugate gradients (van der Vorst, Bi-CGSTAB: a fast and smoothly converging variant of
 * Bi-CG for the solution of nonsymmetric linear systems, 1992).
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import { stabilizedBiconjugateGradients } from "./bicgstab_method.ts";
import type { Solution } from "./solution.ts";
import { solveTree } from "./solve.ts";
import type { IterativeOptions, LinearOperator } from "./types.ts";

/**
 * Solves `A x = b` by BiCGSTAB and says how good the result is: see {@linkcode bicgstab}.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[4, 1], [-2, 3]], { dtype: "float64" });
 * const b = tensor([5, 1], { dtype: "float64" });
 * assertEquals(linalg.bicgstabSolution(A, b).status, "converged");
 * ```
 */
export function bicgstabSolution<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): Solution<T> {
  return solveTree("bicgstabSolution", stabilizedBiconjugateGradients, A, b, x0, options);
}

/**
 * Solves `A x = b` by BiCGSTAB, for any square `A`: little memory and two products with `A` an
 * iteration, but it may break down where GMRES does not. The preconditioner acts from the right.
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
 * const A = tensor([[4, 1], [-2, 3]], { dtype: "float64" });
 * const x = linalg.bicgstab(A, tensor([5, 1], { dtype: "float64" }), null, { rtol: 1e-12 });
 * assert(x.sub(1).abs().max().item() < 1e-10);
 * ```
 */
export function bicgstab<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): T {
  return solveTree("bicgstab", stabilizedBiconjugateGradients, A, b, x0, options).value;
}
