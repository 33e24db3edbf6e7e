/**
 * Functions of square matrices, and parts of matrices.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { normalizeAxis, showShape } from "../../graph/shape.ts";
import { identity } from "../../primitives/linalg/matrices.ts";
import * as exponential from "../../primitives/linalg/matrix_exp.ts";
import { inv } from "../../primitives/linalg/solve.ts";
import { dot } from "../../primitives/matmul.ts";
import { expand, permute } from "../../primitives/movement.ts";
import { sum } from "../../primitives/reduce.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames, describe } from "../../tensor/describe.ts";
import { diagonal as diagonalOf } from "../../tensor/formulas/rearrange.ts";
import { countable } from "../../tensor/formulas/statistics.ts";
import { nodeOf } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { squareOf } from "./operands.ts";

function checkWholeNumber(op: string, name: string, value: number): void {
  if (Number.isInteger(value)) return;
  throw new RangeError(`${op}: ${name} is ${describe(value)}, wants a whole number.`);
}

/**
 * Square matrices `[..., n, n]`, float32 or float64, multiplied with themselves: `n` factors, by
 * repeated squaring. 0 gives the identity, a negative `n` powers of the inverse.
 *
 * @throws {RangeError} where n is not whole
 * @throws {ShapeError} where the matrices are not square
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.matrixPower(tensor([[1, 1], [0, 1]]), 5).toArray(), [[1, 5], [0, 1]]);
 * ```
 */
export function matrixPower(A: Tensor, n: number): Tensor {
  checkWholeNumber("matrixPower", "n", n);
  const a = squareOf("matrixPower", A);
  if (n === 0) return wrap(expand(identity(a.shape[a.shape.length - 1], a), a.shape));
  let square = n < 0 ? inv(a) : a, result: Node | null = null;
  for (let left = Math.abs(n); left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = result === null ? square : dot(result, square);
    if (left > 1) square = dot(square, square);
  }
  return wrap(result!);
}

/**
 * Exponentials of square matrices `[..., n, n]`, float32 or float64, by scaling, a Padé approximant of
 * degree 13 and squaring. Derivatives of every order, each by a matrix of twice the size.
 *
 * Higham, The Scaling and Squaring Method for the Matrix Exponential Revisited, 2005.
 *
 * @throws {ShapeError} where the matrices are not square
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.matrixExp(tensor([[0, 1], [0, 0]])).toArray(), [[1, 1], [0, 1]]);
 * ```
 */
export function matrixExp(A: Tensor): Tensor {
  return wrap(exponential.matrixExp(squareOf("matrixExp", A)));
}

/** Options of {@linkcode diagonal}. */
export interface DiagonalOptions {
  /** Diagonal: 0 for the main one, positive above it, negative below it (default 0). */
  offset?: number;
  /** Dimension of the rows (default -2). */
  dim1?: number;
  /** Dimension of the columns (default -1). */
  dim2?: number;
}

/**
 * Elements on a diagonal of matrices, in the last dimension of the result. Any element type.
 *
 * @throws {ShapeError} where A has fewer than two dimensions, or both dimensions are one
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[1, 2], [3, 4]]);
 * assertEquals(linalg.diagonal(A).toArray(), [1, 4]);
 * assertEquals(linalg.diagonal(A, { offset: 1 }).toArray(), [2]);
 * ```
 */
export function diagonal(A: Tensor, options: DiagonalOptions = {}): Tensor {
  checkNames("diagonal", options, ["offset", "dim1", "dim2"]);
  const { offset = 0, dim1 = -2, dim2 = -1 } = options;
  checkWholeNumber("diagonal", "offset", offset);
  const a = nodeOf("diagonal", "A", A), rank = a.shape.length;
  if (rank < 2) {
    throw new ShapeError(`diagonal: A is ${showShape(a.shape)}, wants two or more dimensions.`);
  }
  const [row, column] = [dim1, dim2].map((d) => normalizeAxis("diagonal", d, rank));
  if (row === column) {
    throw new ShapeError(`diagonal: dim1 and dim2 are both dimension ${row}, wants two.`);
  }
  const others = a.shape.map((_, i) => i).filter((i) => i !== row && i !== column);
  const order = [...others, row, column];
  const moved = order.every((d, i) => d === i) ? a : permute(a, order);
  return wrap(diagonalOf(moved, offset));
}

/**
 * Sums of the main diagonals of matrices `[..., m, n]`: `[...]`. Booleans and small integers count in
 * int64.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.trace(tensor([[1, 2], [3, 4]])).item(), 5);
 * ```
 */
export function trace(A: Tensor, options: DiagonalOptions = {}): Tensor {
  const found = diagonal(A, options).node;
  return wrap(sum(countable(found), [found.shape.length - 1], false));
}
