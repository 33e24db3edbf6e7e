/**
 * What iterative solvers take.
 *
 * @module
 */

import type { TensorTree } from "../../base.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * A linear operator on trees like `T`: a matrix for a vector (or for a matrix of several columns), a
 * tree of matrices, one for each leaf, or a function.
 */
export type LinearOperator<T = Tensor> = Tensor | TensorTree | ((x: T) => T);

/** Options of iterative solvers. */
export interface IterativeOptions<T = Tensor> {
  /** Stop where the residual's norm is at most `rtol` times that of b (default 1e-5). */
  readonly rtol?: number;
  /** Stop where the residual's norm is at most this (default 0). */
  readonly atol?: number;
  /** How many iterations to make at most (default: ten for each unknown). */
  readonly maxiter?: number | null;
  /** Preconditioner: an approximation of the inverse of A, in any form that A may have. */
  readonly M?: LinearOperator<T> | null;
  /** Solves `A x + ridge x = b` (default null: 0). */
  readonly ridge?: number | Tensor | null;
  /**
   * `"implicit"` (default): the derivative is that of the equation, by one more solve with the
   * transpose. `"unroll"`: it is that of the iterations.
   */
  readonly differentiate?: "implicit" | "unroll";
}

/** Options of GMRES. */
export interface GmresOptions<T = Tensor> extends IterativeOptions<T> {
  /** Dimension of the Krylov space, after which it starts anew (default 20, at most the unknowns). */
  readonly restart?: number | null;
  /** How many such cycles to make at most (default: as many as make ten products for each unknown). */
  readonly maxiter?: number | null;
}

/** A linear operator from trees like `X` to trees like `B`: a matrix for vectors, or a function. */
export type RectangularOperator<X = Tensor, B = Tensor> = Tensor | ((x: X) => B);

/** Options of least-squares solvers: those of other solvers without a preconditioner. */
export type LeastSquaresOptions = Omit<IterativeOptions, "M">;
