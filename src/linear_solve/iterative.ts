/**
 * Iterative methods as solvers.
 *
 * @module
 */

import { settingsOf } from "../linalg/iterative/options.ts";
import { type Method, solveTree } from "../linalg/iterative/solve.ts";
import { checkObject } from "../tensor/describe.ts";
import { linearSolver } from "./make_solver.ts";
import type { InformativeSolver, IterativeSolverOptions } from "./solver.ts";

/** A solver by an iterative method; `more` names options of the method itself. */
export function iterativeSolver(
  op: string,
  method: Method,
  options: IterativeSolverOptions,
  more: readonly string[] = [],
): InformativeSolver {
  checkObject(op, options);
  const { init, ...rest } = options, { maxiter } = settingsOf(op, rest, more);
  return linearSolver(
    op,
    (matvec, b) => solveTree(op, method, matvec, b, init as typeof b, rest, more),
    maxiter !== null,
  );
}
