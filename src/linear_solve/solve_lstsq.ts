/**
 * Solving in the sense of least squares.
 *
 * @module
 */

import { lstsq } from "../linalg/dense/least_squares.ts";
import { denseSolver } from "./dense.ts";
import type { DirectSolverOptions, InformativeSolver } from "./solver.ts";

/**
 * A solver that makes the matrix of `A` (of all leaves together) and finds the shortest x among those that
 * make `|A x - b|` least, by singular values: for singular systems.
 *
 * @param options `ridge`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[1, 1], [1, 1]], { dtype: "float64" });
 * const x = linearSolve.solveLstsq()((v: Tensor) => A.matmul(v), tensor([2, 2], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-4);
 * ```
 */
export function solveLstsq(options: DirectSolverOptions = {}): InformativeSolver {
  return denseSolver("solveLstsq", options, (matrix, b) => lstsq(matrix, b));
}
