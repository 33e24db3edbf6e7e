/**
 * Least squares, pseudo-inverses and ranks.
 *
 * @module
 */

import { abs, cast, lt, maximum, mul, num } from "../../primitives/elementwise.ts";
import { lstsq as leastSquares } from "../../primitives/linalg/lstsq.ts";
import { symmetricPart, zeros } from "../../primitives/linalg/matrices.ts";
import { pinv as pseudoInverse } from "../../primitives/linalg/pinv.ts";
import { broadcastSystem } from "../../primitives/linalg/solve.ts";
import { eigh, svd } from "../../primitives/linalg/spectral.ts";
import { amax, sum } from "../../primitives/reduce.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  checkFlag,
  checkTolerance,
  defaultTolerance,
  matricesOf,
  squareOf,
  withRightSide,
} from "./operands.ts";

/** Options of {@linkcode lstsq}. */
export interface LstsqOptions {
  /**
   * Singular values up to this part of the largest one count as zero (default: the larger size times
   * the distance of 1 from the next number of the type).
   */
  rcond?: number;
}

/**
 * X of least length among those that make `A X - B` least, for matrices `[..., m, n]` of any shape and
 * rank, float32 or float64, by singular values. Derivatives of every order at constant rank
 * (Golub & Pereyra, The differentiation of pseudo-inverses, 1973).
 *
 * @param B a vector `[m]`, vectors of just the batch of A, or matrices `[..., m, k]`; batches broadcast
 * @throws {ShapeError} where A has fewer than two dimensions or B does not fit
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[1, 0], [0, 1], [0, 0]]);
 * assertEquals(linalg.lstsq(A, tensor([2, 3, 7])).toArray(), [2, 3]);
 * ```
 */
export function lstsq(A: Tensor, B: Tensor, options: LstsqOptions = {}): Tensor {
  checkNames("lstsq", options, ["rcond"]);
  const a = matricesOf("lstsq", A), { rcond = defaultTolerance(a) } = options;
  checkTolerance("lstsq", "rcond", rcond);
  return withRightSide("lstsq", a, B, a.shape[a.shape.length - 2], (b) => {
    return broadcastSystem("lstsq", a, b, (left, right) => leastSquares(left, right, rcond));
  });
}

/** Options of {@linkcode pinv}. */
export interface PinvOptions {
  /** As `rcond` of {@linkcode lstsq}. */
  rtol?: number;
}

/**
 * Pseudo-inverses `[..., n, m]` of matrices `[..., m, n]` of any shape and rank, float32 or float64, by
 * singular values. Derivatives of every order at constant rank.
 *
 * @throws {ShapeError} where A has fewer than two dimensions
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.pinv(tensor([[2, 0], [0, 0]])).toArray(), [[0.5, 0], [0, 0]]);
 * ```
 */
export function pinv(A: Tensor, options: PinvOptions = {}): Tensor {
  checkNames("pinv", options, ["rtol"]);
  const a = matricesOf("pinv", A), { rtol = defaultTolerance(a) } = options;
  checkTolerance("pinv", "rtol", rtol);
  return wrap(pseudoInverse(a, rtol));
}

/** Options of {@linkcode matrixRank}. */
export interface MatrixRankOptions {
  /** Singular values up to this number do not count (default 0). */
  atol?: number;
  /**
   * Those up to this part of the largest one do not count (default: as in {@linkcode lstsq}, or 0 where
   * `atol` is given).
   */
  rtol?: number;
  /** Whether A is symmetric: eigenvalues take the place of singular values (default false). */
  hermitian?: boolean;
}

/**
 * Ranks, int64 `[...]`, of matrices `[..., m, n]`: the number of singular values that are not zero
 * within rounding.
 *
 * @throws {ShapeError} where A has fewer than two dimensions
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.matrixRank(tensor([[1, 2], [2, 4]])).item(), 1);
 * ```
 */
export function matrixRank(A: Tensor, options: MatrixRankOptions = {}): Tensor {
  checkNames("matrixRank", options, ["atol", "rtol", "hermitian"]);
  const { atol = 0, hermitian = false } = options;
  checkFlag("matrixRank", "hermitian", hermitian);
  const a = (hermitian ? squareOf : matricesOf)("matrixRank", A);
  const { rtol = atol > 0 ? 0 : defaultTolerance(a) } = options;
  checkTolerance("matrixRank", "atol", atol);
  checkTolerance("matrixRank", "rtol", rtol);
  const s = hermitian ? abs(eigh(symmetricPart(a))[0]) : svd(a)[1], axis = s.shape.length - 1;
  if (s.shape[axis] === 0) return wrap(cast(zeros(s.shape.slice(0, -1), a), "int64"));
  const least = maximum(num(atol, s), mul(num(rtol, s), amax(s, [axis], true)));
  return wrap(sum(cast(lt(least, s), "int64"), [axis], false));
}
