/**
 * Linear solvers as objects, to hand on.
 *
 * @module
 */

import type { TensorTree } from "../base.ts";
import type { Solution } from "../linalg/iterative/solution.ts";
import type { IterativeOptions } from "../linalg/iterative/types.ts";
import type { Tensor } from "../tensor/tensor.ts";

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

/** Options of solvers that iterate. */
// deno-lint-ignore no-explicit-any
export interface IterativeSolverOptions extends IterativeOptions<any> {
  /** Where to start: a tree like b (default null: 0). */
  readonly init?: TensorTree;
}

/** Options of solvers that make the matrix. */
export interface DirectSolverOptions {
  /** Solves `A x + ridge x = b` (default null: 0). */
  readonly ridge?: number | Tensor | null;
}
