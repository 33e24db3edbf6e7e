/**
 * Solving by an LU decomposition.
 *
 * @module
 */

import { byLu, denseSolver } from "./dense.ts";
import type { DirectSolverOptions, InformativeSolver } from "./solver.ts";

/**
 * A solver of `A x = b` that makes the matrix of `A` (of all leaves together) and decomposes it by LU with
 * partial pivoting: exact up to rounding, for as many unknowns as a matrix may have.
 *
 * @param options `ridge`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[0, 1], [-2, 3]], { dtype: "float64" });
 * const x = linearSolve.solveLu()((v: Tensor) => A.matmul(v), tensor([1, 1], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-4);
 * ```
 */
export function solveLu(options: DirectSolverOptions = {}): InformativeSolver {
  return denseSolver("solveLu", options, byLu);
}
