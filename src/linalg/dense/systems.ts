/**
 * Linear systems with square matrices.
 *
 * @module
 */

import * as systems from "../../primitives/linalg/solve.ts";
import * as triangular from "../../primitives/linalg/triangular.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkFlag, squareOf, withRightSide } from "./operands.ts";

/** Options of {@linkcode solve}. */
export interface SolveOptions {
  /** Whether A stands on the left, `A X = B` (the default); else `X A = B`. */
  left?: boolean;
  /** Whether A is used transposed (default false). */
  transpose?: boolean;
}

/**
 * X with `A X = B` for square matrices `[..., n, n]`, float32 or float64, by LU factorization with
 * partial pivoting. The residual is at the bound of backward stability however ill-conditioned A is.
 *
 * A singular matrix gives infinities or NaN, since a graph cannot stop half way (PyTorch and NumPy
 * throw); {@linkcode slogdet} tells. Derivatives of every order; the way back uses the same factors.
 *
 * @param B a vector `[n]`, vectors of just the batch of A, or matrices `[..., n, k]` (`[..., k, n]`
 * where A stands on the right); batches broadcast
 * @throws {ShapeError} where A is not square or B does not fit
 * @throws {DTypeError} where A is not float32 or float64, or B of another type
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[0, 2], [4, 4]]);
 * assertEquals(linalg.solve(A, tensor([2, 8])).toArray(), [1, 1]);
 * assertEquals(linalg.solve(A, tensor([[4, 6]]), { left: false }).toArray(), [[1, 1]]);
 * ```
 */
export function solve(A: Tensor, B: Tensor, options: SolveOptions = {}): Tensor {
  checkNames("solve", options, ["left", "transpose"]);
  const { left = true, transpose = false } = options;
  checkFlag("solve", "left", left);
  checkFlag("solve", "transpose", transpose);
  const a = squareOf("solve", A), n = a.shape[a.shape.length - 1];
  return withRightSide("solve", a, B, n, (b) => systems.solve(a, b, transpose !== !left), left);
}

/** Options of {@linkcode triangularSolve}. */
export interface TriangularSolveOptions {
  /** Whether the upper triangle is meant; the other one is not read. */
  upper: boolean;
  /** Whether A stands on the left, `A X = B` (the default); else `X A = B`. */
  left?: boolean;
  /** Whether the diagonal is taken as ones and not read (default false). */
  unitriangular?: boolean;
  /** Whether A is used transposed (default false). */
  transpose?: boolean;
}

/**
 * X with `A X = B`, A the upper or lower triangle of matrices `[..., n, n]`, float32 or float64, by
 * substitution. What lies outside of the triangle is not read and gets the gradient 0. A zero on the
 * diagonal gives infinities or NaN.
 *
 * @param B a vector `[n]`, vectors of just the batch of A, or matrices `[..., n, k]` (`[..., k, n]`
 * where A stands on the right); batches broadcast
 * @throws {ShapeError} where A is not square or B does not fit
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[2, 99], [1, 4]]);
 * assertEquals(linalg.triangularSolve(A, tensor([2, 9]), { upper: false }).toArray(), [1, 2]);
 * ```
 */
export function triangularSolve(A: Tensor, B: Tensor, options: TriangularSolveOptions): Tensor {
  const names = ["upper", "left", "unitriangular", "transpose"];
  checkNames("triangularSolve", options, names);
  const { upper, left = true, unitriangular: unit = false, transpose = false } = options;
  checkFlag("triangularSolve", "upper", upper);
  checkFlag("triangularSolve", "left", left);
  checkFlag("triangularSolve", "unitriangular", unit);
  checkFlag("triangularSolve", "transpose", transpose);
  const a = squareOf("triangularSolve", A), n = a.shape[a.shape.length - 1];
  return withRightSide("triangularSolve", a, B, n, (b) => {
    const attrs = { upper, unit, transpose: transpose !== !left };
    return systems.broadcastSystem(
      "triangularSolve",
      a,
      b,
      (t, right) => triangular.triangularSolve(t, right, attrs),
    );
  }, left);
}

/**
 * Inverses of square matrices `[..., n, n]`, float32 or float64; infinities or NaN where there is none.
 * `solve(A, B)` is faster and more accurate than `inv(A).matmul(B)`.
 *
 * @throws {ShapeError} where the matrices are not square
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.inv(tensor([[2, 0], [0, 4]])).toArray(), [[0.5, 0], [0, 0.25]]);
 * ```
 */
export function inv(A: Tensor): Tensor {
  return wrap(systems.inv(squareOf("inv", A)));
}
