/**
 * Solving by BiCGSTAB.
 *
 * @module
 */

import { stabilizedBiconjugateGradients } from "../linalg/iterative/bicgstab_method.ts";
import { iterativeSolver } from "./iterative.ts";
import type { InformativeSolver, IterativeSolverOptions } from "./solver.ts";

/**
 * A solver of `A x = b` by BiCGSTAB, for any square `A`.
 *
 * @param options `ridge`, `init`, and those of `linalg.bicgstab`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[4, 1], [-2, 3]], { dtype: "float64" });
 * const x = linearSolve.solveBicgstab()((v: Tensor) => A.matmul(v), tensor([5, 1], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-4);
 * ```
 */
export function solveBicgstab(options: IterativeSolverOptions = {}): InformativeSolver {
  return iterativeSolver("solveBicgstab", stabilizedBiconjugateGradients, options);
}
