/**
 * Solving by conjugate gradients.
 *
 * @module
 */

import { conjugateGradients } from "../linalg/iterative/cg_method.ts";
import { iterativeSolver } from "./iterative.ts";
import type { InformativeSolver, IterativeSolverOptions } from "./solver.ts";

/**
 * A solver of `A x = b` by conjugate gradients, for a symmetric positive definite `A`.
 *
 * @param options `ridge` (solves `A x + ridge x = b`), `init`, and those of `linalg.cg`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[2, 1], [1, 3]], { dtype: "float64" });
 * const solver = linearSolve.solveCg({ rtol: 1e-10 });
 * const x = solver((v: Tensor) => A.matmul(v), tensor([3, 4], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-12);
 * ```
 */
export function solveCg(options: IterativeSolverOptions = {}): InformativeSolver {
  return iterativeSolver("solveCg", conjugateGradients, options);
}
