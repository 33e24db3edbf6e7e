/**
 * Solving by a Cholesky decomposition.
 *
 * @module
 */

import { cholesky, choleskySolve } from "../linalg/dense/cholesky.ts";
import { denseSolver } from "./dense.ts";
import type { DirectSolverOptions, InformativeSolver } from "./solver.ts";

/**
 * A solver of `A x = b` that makes the matrix of `A` (of all leaves together) and decomposes it by
 * Cholesky's method, for a symmetric positive definite `A`; of any other the result is NaN, with the
 * status `"not finite"`.
 *
 * @param options `ridge`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[2, 1], [1, 3]], { dtype: "float64" });
 * const x = linearSolve.solveCholesky()((v: Tensor) => A.matmul(v), tensor([3, 4], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-4);
 * ```
 */
export function solveCholesky(options: DirectSolverOptions = {}): InformativeSolver {
  return denseSolver("solveCholesky", options, (matrix, b) => choleskySolve(b, cholesky(matrix)));
}
