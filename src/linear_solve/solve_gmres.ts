/**
 * Solving by GMRES.
 *
 * @module
 */

import { gmresOf } from "../linalg/iterative/gmres_method.ts";
import type { GmresOptions } from "../linalg/iterative/types.ts";
import { iterativeSolver } from "./iterative.ts";
import type { InformativeSolver, IterativeSolverOptions } from "./solver.ts";

/** Options of {@linkcode solveGmres}. */
export interface GmresSolverOptions extends IterativeSolverOptions, Pick<GmresOptions, "restart"> {}

/**
 * A solver of `A x = b` by restarted GMRES, for any square `A`.
 *
 * @param options `ridge`, `init`, and those of `linalg.gmres`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[0, 1], [-2, 3]], { dtype: "float64" });
 * const x = linearSolve.solveGmres()((v: Tensor) => A.matmul(v), tensor([1, 1], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-4);
 * ```
 */
export function solveGmres(options: GmresSolverOptions = {}): InformativeSolver {
  return iterativeSolver("solveGmres", gmresOf("solveGmres", options), options, ["restart"]);
}
