/**
 * Linear solvers as objects, to hand on.
 *
 * @module
 */

import type { Solution } from "../linalg/iterative/solution.ts";

/** A linear function of trees like `T`. */
export type Matvec<T> = (x: T) => T;

/**
 * A function `(matvec, b) => x` that solves `matvec(x) = b` on trees. Any function of this form serves
 * where a solver is wanted; those made here also tell how they ended.
 */
export interface LinearSolver {
  /** Solves `matvec(x) = b`. */
  <T>(matvec: Matvec<T>, b: T): T;
  /** Solves, and says how good the result is. */
  solution?<T>(matvec: Matvec<T>, b: T): Solution<T>;
  /** Whether it is meant to stop after a number of iterations. */
  readonly truncates?: boolean;
}

/** A solver that {@linkcode LinearSolver} describes, with its `solution`. */
export type InformativeSolver = LinearSolver & Required<Pick<LinearSolver, "solution">>;
