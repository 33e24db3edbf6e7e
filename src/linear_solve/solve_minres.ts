/**
 * Solving by MINRES.
 *
 * @module
 */

import { minimalResiduals } from "../linalg/iterative/minres_method.ts";
import { iterativeSolver } from "./iterative.ts";
import type { InformativeSolver, IterativeSolverOptions } from "./solver.ts";

/**
 * A solver of `A x = b` by MINRES, for a symmetric `A` that need not be positive definite, as in problems
 * with constraints.
 *
 * @param options `ridge`, `init`, and those of `linalg.minres`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[0, 1], [1, 0]], { dtype: "float64" });
 * const x = linearSolve.solveMinres()((v: Tensor) => A.matmul(v), tensor([1, 1], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-4);
 * ```
 */
export function solveMinres(options: IterativeSolverOptions = {}): InformativeSolver {
  return iterativeSolver("solveMinres", minimalResiduals, options);
}
