/**
 * Options of decorators.
 *
 * @module
 */

import type { LinearSolver } from "../../linear_solve/solver.ts";

/** Options of {@linkcode customRoot} and {@linkcode customFixedPoint}. */
export interface CustomRootOptions {
  /** Which arguments to differentiate: numbers from 1 on, since argument 0 is where solvers start. */
  readonly argnums: number | readonly number[];
  /** Whether the solver returns `[solution, aux]`; `aux` is passed on (default false). */
  readonly hasAux?: boolean;
  /** Solves the linear system of the derivative (default `linearSolve.solveNormalCg()`). */
  readonly solve?: LinearSolver;
  /**
   * Whether a residual far from 0 at the solution is an error, and a linear solve that ended at its
   * `maxiter` (default false: the first one is warned of once, the second one taken).
   */
  readonly strict?: boolean;
}

/** A function of a start and of further arguments. */
// deno-lint-ignore no-explicit-any
export type SolverFunction = (...args: any[]) => any;

/** A decorated solver; it may be given arguments that only the equation needs. */
export type Solved<F extends SolverFunction> = (
  // deno-lint-ignore no-explicit-any
  ...args: [...Parameters<F>, ...any[]]
) => ReturnType<F>;
