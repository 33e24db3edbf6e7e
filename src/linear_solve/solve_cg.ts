/**
 * Solving by conjugate gradients.
 *
 * @module
 */

import { conjugateGradients } from "../linalg/iterative/cg_method.ts";
import { settingsOf } from "../linalg/iterative/options.ts";
import type { IterativeOptions } from "../linalg/iterative/types.ts";
import { solveTree } from "../linalg/iterative/solve.ts";
import type { TensorTree } from "../base.ts";
import { linearSolver } from "./make_solver.ts";
import type { InformativeSolver } from "./solver.ts";

/** Options of solvers that iterate. */
// deno-lint-ignore no-explicit-any
export interface IterativeSolverOptions extends IterativeOptions<any> {
  /** Where to start: a tree like b (default null: 0). */
  readonly init?: TensorTree;
}

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
  const { init, ...rest } = options;
  const { maxiter } = settingsOf("solveCg", rest);
  return linearSolver(
    "solveCg",
    (matvec, b) => solveTree("solveCg", conjugateGradients, matvec, b, init as typeof b, rest),
    maxiter !== null,
  );
}
