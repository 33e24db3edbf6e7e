/**
 * Determinants.
 *
 * @module
 */

import { lt, num, where } from "../../primitives/elementwise.ts";
import * as determinant from "../../primitives/linalg/determinant.ts";
import { wrap } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { squareOf } from "./operands.ts";

/**
 * Determinants of square matrices `[..., n, n]`, float32 or float64: 1 for an empty matrix. The
 * derivative is the matrix of cofactors, also for a singular matrix; the second derivative of a
 * singular matrix is not finite.
 *
 * @throws {ShapeError} where the matrices are not square
 *
 * @example
 * ```ts
 * import { func, linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[1, 2], [2, 4]]);
 * assertEquals(linalg.det(A).item(), 0);
 * assertEquals([...func.grad(linalg.det)(A).data()].map((g) => Math.round(Number(g))), [4, -2, -2, 1]);
 * ```
 */
export function det(A: Tensor): Tensor {
  return wrap(determinant.det(squareOf("det", A)));
}

/**
 * Sign and logarithm of the absolute value of the determinant: what `det` cannot hold where it is very
 * large or small. A singular matrix gives 0 and -Infinity, an empty one 1 and 0. The derivative of the
 * logarithm is the transposed inverse.
 *
 * @throws {ShapeError} where the matrices are not square
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [sign, logabsdet] = linalg.slogdet(tensor([[0, 1], [1, 0]]));
 * assertEquals([sign.item(), logabsdet.item()], [-1, 0]);
 * ```
 */
export function slogdet(A: Tensor): [sign: Tensor, logabsdet: Tensor] {
  const [sign, log] = determinant.slogdet(squareOf("slogdet", A));
  return [wrap(sign), wrap(log)];
}

/**
 * Logarithm of the determinant; NaN where that is negative, -Infinity where it is 0.
 *
 * @throws {ShapeError} where the matrices are not square
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.logdet(tensor([[1, 0], [0, 1]])).item(), 0);
 * ```
 */
export function logdet(A: Tensor): Tensor {
  const [sign, log] = determinant.slogdet(squareOf("logdet", A));
  return wrap(where(lt(sign, num(0, sign)), num(NaN, sign), log));
}
