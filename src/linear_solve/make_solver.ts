/**
 * Making solvers.
 *
 * @module
 */

import type { Solution } from "../linalg/iterative/solution.ts";
import { checkFunction } from "../tensor/describe.ts";
import type { InformativeSolver, Matvec } from "./solver.ts";

/** A solver from its two forms. */
export function linearSolver(
  op: string,
  solution: <T>(matvec: Matvec<T>, b: T) => Solution<T>,
  truncates: boolean = false,
): InformativeSolver {
  const checked = <T>(matvec: Matvec<T>, b: T) => {
    checkFunction(op, matvec, "matvec");
    return solution(matvec, b);
  };
  const solver = <T>(matvec: Matvec<T>, b: T): T => checked(matvec, b).value;
  return Object.assign(solver, { solution: checked, truncates });
}
