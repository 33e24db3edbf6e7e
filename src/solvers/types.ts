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
  /**
   * Whether a derivative is refused where the solver did not converge (default false: the first one far
   * from a solution is a warning). Inside of `compile()` and `vmap()` neither can be known.
   */
  readonly strict?: boolean;
}

/** A problem for root finders: the function of vectors, and when to stop. */
export interface RootProblem {
  /** The function of vectors. */
  readonly f: (x: Tensor) => Tensor;
  /** Where to start. */
  readonly x0: Tensor;
  /** Largest residual to reach. */
  readonly tolerance: Tensor;
  /** Largest step, relative to x, with which an iteration ends. */
  readonly step: number;
  /** How many iterations to make at most. */
  readonly maxiter: number;
}

/** Where a solver ended. */
export interface Found {
  /** The point. */
  readonly x: Tensor;
  /** Number of iterations, int32. */
  readonly iterations: Tensor;
  /** Norm of the residual. */
  readonly residual: Tensor;
  /** Place in `linalg.STATUSES`, int32. */
  readonly status: Tensor;
}

/** A way to find roots. */
export interface RootMethod {
  /** What messages call it. */
  readonly name: string;
  /** Solves a problem. */
  run(problem: RootProblem): Found;
}

/** A problem for fixed-point iterations. */
export interface FixedPointProblem {
  /** The function of vectors. */
  readonly g: (x: Tensor) => Tensor;
  /** Where to start. */
  readonly x0: Tensor;
  /** Relative tolerance. */
  readonly rtol: number;
  /** Absolute tolerance. */
  readonly atol: number;
  /** How many iterations to make at most. */
  readonly maxiter: number;
}

/** A way to find fixed points. */
export interface FixedPointMethod {
  /** What messages call it. */
  readonly name: string;
  /** Solves a problem. */
  run(problem: FixedPointProblem): Found;
}

/** A problem for minimizers. */
export interface MinimizeProblem {
  /** Value and gradient. */
  readonly f: (x: Tensor) => [Tensor, Tensor];
  /** Where to start. */
  readonly x0: Tensor;
  /** Largest gradient to reach. */
  readonly tolerance: number;
  /** How many iterations to make at most. */
  readonly maxiter: number;
  /** How often the function may be evaluated. */
  readonly maxEvaluations: number;
}

/** Where a minimizer ended. */
export interface FoundMinimum extends Found {
  /** Value of the function. */
  readonly objective: Tensor;
  /** How often the function was evaluated, int32. */
  readonly evaluations: Tensor;
}

/** A way to minimize. */
export interface MinimizeMethod {
  /** What messages call it. */
  readonly name: string;
  /** Solves a problem. */
  run(problem: MinimizeProblem): FoundMinimum;
}

/** A problem for least-squares solvers. */
export interface LeastSquaresProblem {
  /** The residuals, as a function of vectors. */
  readonly r: (x: Tensor) => Tensor;
  /** Where to start. */
  readonly x0: Tensor;
  /** Largest gradient to reach. */
  readonly tolerance: number;
  /** Largest step, relative to x, with which an iteration ends. */
  readonly step: number;
  /** How many iterations to make at most. */
  readonly maxiter: number;
}

/** A way to solve least-squares problems. */
export interface LeastSquaresMethod {
  /** What messages call it. */
  readonly name: string;
  /** Solves a problem. */
  run(problem: LeastSquaresProblem): Found;
}
