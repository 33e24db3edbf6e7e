/**
 * Least squares by LSMR (Fong & Saunders, LSMR: an iterative algorithm for sparse least-squares
 * problems, 2011).
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import { solveLeastSquares } from "./lsmr_solve.ts";
import type { Solution } from "./solution.ts";
import type { LeastSquaresOptions, RectangularOperator } from "./types.ts";

/**
 * Minimizes `|A x - b|` by LSMR and says how good the result is: see {@linkcode lsmr}. `residual` is the
 * norm of `b - A x`, which need not be small.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[1], [1]], { dtype: "float64" });
 * const { value, residual } = linalg.lsmrSolution(A, tensor([0, 2], { dtype: "float64" }));
 * assertEquals([Math.round(value.item() * 1e9) / 1e9, Math.round(residual ** 2)], [1, 2]);
 * ```
 */
export function lsmrSolution<X = Tensor, B = Tensor>(
  A: RectangularOperator<X, B>,
  b: B,
  x0?: NoInfer<X> | null,
  options: LeastSquaresOptions = {},
): Solution<X> {
  return solveLeastSquares("lsmrSolution", A, b, x0, options);
}

/**
 * The x that minimizes `|A x - b|^2 + ridge |x|^2`, by LSMR: for any `A`, also rectangular or not of full
 * rank, where the x nearest to `x0` is found (the shortest one for 0). Products with the transpose are
 * derivatives of those with A.
 *
 * @param A a matrix, or a function of trees like x to trees like b
 * @param b a vector, or a tree of floating-point tensors
 * @param x0 where to start (default 0); needed where A is a function
 * @param options `rtol` (default 1e-8): stop where the gradient `A^T (b - A x)` is that much smaller
 * than `A^T b`; `atol`, `maxiter`, `ridge`, `differentiate`
 * @returns the solution; its derivative is that of the pseudoinverse at constant rank
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * // A line through three points.
 * const A = tensor([[1, 0], [1, 1], [1, 2]], { dtype: "float64" });
 * const x = linalg.lsmr(A, tensor([1, 3, 5], { dtype: "float64" }));
 * assert(x.sub(tensor([1, 2], { dtype: "float64" })).abs().max().item() < 1e-10);
 * ```
 */
export function lsmr<X = Tensor, B = Tensor>(
  A: RectangularOperator<X, B>,
  b: B,
  x0?: NoInfer<X> | null,
  options: LeastSquaresOptions = {},
): X {
  return solveLeastSquares("lsmr", A, b, x0, options).value;
}
