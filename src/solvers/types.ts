/**
 * What solvers take.
 *
 * @module
 */

import type { LinearSolver } from "../linear_solve/solver.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of all solvers. */
export interface SolverOptions {
  /** Relative tolerance; what it is relative to, each solver says. */
  readonly rtol?: number;
  /** Absolute tolerance. */
  readonly atol?: number;
  /** How many iterations to make at most. */
  readonly maxiter?: number | null;
  /**
   * `"implicit"` (default): the derivative of the equation that the solution fulfils. `"unroll"`: that
   * of the iterations. `"none"`: none.
   */
  readonly differentiate?: "implicit" | "unroll" | "none";
  /** Solves the linear system of the implicit derivative (default `linearSolve.auto()`). */
  readonly solve?: LinearSolver;
}

/** A problem for root finders: the function of vectors, and when to stop. */
export interface RootProblem {
  readonly f: (x: Tensor) => Tensor;
  readonly x0: Tensor;
  /** Largest residual to reach. */
  readonly tolerance: Tensor;
  /** Largest step, relative to x, with which an iteration ends. */
  readonly step: number;
  readonly maxiter: number;
}

/** Where a solver ended. */
export interface Found {
  readonly x: Tensor;
  readonly iterations: Tensor;
  readonly residual: Tensor;
  readonly status: Tensor;
}

/** A way to find roots. */
export interface RootMethod {
  readonly name: string;
  run(problem: RootProblem): Found;
}

/** A problem for fixed-point iterations. */
export interface FixedPointProblem {
  readonly g: (x: Tensor) => Tensor;
  readonly x0: Tensor;
  readonly rtol: number;
  readonly atol: number;
  readonly maxiter: number;
}

/** A way to find fixed points. */
export interface FixedPointMethod {
  readonly name: string;
  run(problem: FixedPointProblem): Found;
}

/** A problem for minimizers. */
export interface MinimizeProblem {
  /** Value and gradient. */
  readonly f: (x: Tensor) => [Tensor, Tensor];
  readonly x0: Tensor;
  /** Largest gradient to reach. */
  readonly tolerance: number;
  readonly maxiter: number;
  /** How often the function may be evaluated. */
  readonly maxEvaluations: number;
}

/** Where a minimizer ended. */
export interface FoundMinimum extends Found {
  readonly objective: Tensor;
  readonly evaluations: Tensor;
}

/** A way to minimize. */
export interface MinimizeMethod {
  readonly name: string;
  run(problem: MinimizeProblem): FoundMinimum;
}

/** A problem for least-squares solvers. */
export interface LeastSquaresProblem {
  readonly r: (x: Tensor) => Tensor;
  readonly x0: Tensor;
  /** Largest gradient to reach. */
  readonly tolerance: number;
  /** Largest step, relative to x, with which an iteration ends. */
  readonly step: number;
  readonly maxiter: number;
}

/** A way to solve least-squares problems. */
export interface LeastSquaresMethod {
  readonly name: string;
  run(problem: LeastSquaresProblem): Found;
}
