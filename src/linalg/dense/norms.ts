/**
 * Norms, and what they say of matrices.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { normalizeAxis, showShape } from "../../graph/shape.ts";
import { amax, amin, sum } from "../../primitives/reduce.ts";
import { abs, eq, num, where } from "../../primitives/elementwise.ts";
import { slogdet } from "../../primitives/linalg/determinant.ts";
import { narrow, permute, reshape } from "../../primitives/movement.ts";
import { svd } from "../../primitives/linalg/spectral.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames, describe } from "../../tensor/describe.ts";
import { checkTensor } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkFlag, matricesOf, squareOf } from "./operands.ts";
import { inv } from "./systems.ts";

/** Options of {@linkcode vectorNorm}. */
export interface VectorNormOptions {
  /** Dimensions that are reduced (default: all). */
  dim?: number | readonly number[];
  /** Whether they stay with size 1 (default false). */
  keepdim?: boolean;
}

/**
 * Norm of the elements, as one vector: `(sum of |x| ** ord) ** (1 / ord)`; `Infinity` (or `"inf"`) for
 * the largest magnitude, `-Infinity` for the smallest, 0 for the count of elements that are not 0. The
 * derivative of the 2-norm at 0 is 0.
 *
 * @throws {DTypeError} where x is not of floating point
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.vectorNorm(tensor([3, -4])).item(), 5);
 * assertEquals(linalg.vectorNorm(tensor([[3, -4]]), "inf", { dim: 1 }).toArray(), [4]);
 * ```
 */
export function vectorNorm(
  x: Tensor,
  ord: number | "inf" | "-inf" = 2,
  options: VectorNormOptions = {},
): Tensor {
  checkTensor("vectorNorm", "x", x);
  checkNames("vectorNorm", options, ["dim", "keepdim"]);
  const { dim, keepdim = false } = options;
  checkFlag("vectorNorm", "keepdim", keepdim);
  return x.norm(ord, dim as number | number[] | undefined, { keepdim });
}

/** Kind of a norm of matrices. */
export type MatrixOrder = "fro" | "nuc" | "inf" | "-inf" | number;

/** Options of {@linkcode matrixNorm}. */
export interface MatrixNormOptions {
  /** Dimensions of the rows and columns (default [-2, -1]). */
  dim?: readonly [number, number];
  /** Whether they stay with size 1 (default false). */
  keepdim?: boolean;
}

/** The number that names an order, or "fro" or "nuc". */
function orderOf(op: string, ord: MatrixOrder): "fro" | "nuc" | number {
  const known = ord === "inf" ? Infinity : ord === "-inf" ? -Infinity : ord;
  if (known === "fro" || known === "nuc" || [1, -1, 2, -2].includes(known)) return known;
  if (known === Infinity || known === -Infinity) return known;
  throw new RangeError(
    `${op}: got the norm ${
      describe(ord)
    }, wants "fro", "nuc", 1, -1, 2, -2, Infinity or -Infinity.`,
  );
}

/**
 * Norms of matrices `[..., m, n]`, float32 or float64: `"fro"` (the default) of all elements, `"nuc"`
 * the sum of the singular values, 2 and -2 the largest and smallest of these, 1 and -1 the largest and
 * smallest sum of a column's magnitudes, `Infinity` and `-Infinity` those of rows.
 *
 * @throws {RangeError} for another order
 * @throws {ShapeError} where A has fewer than two dimensions
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[3, 0], [0, -4]]);
 * assertEquals(linalg.matrixNorm(A).item(), 5);
 * assertEquals(linalg.matrixNorm(A, "nuc").item(), 7);
 * assertEquals(linalg.matrixNorm(A, 1).item(), 4);
 * ```
 */
export function matrixNorm(
  A: Tensor,
  ord: MatrixOrder = "fro",
  options: MatrixNormOptions = {},
): Tensor {
  checkNames("matrixNorm", options, ["dim", "keepdim"]);
  const { dim = [-2, -1], keepdim = false } = options;
  checkFlag("matrixNorm", "keepdim", keepdim);
  const kind = orderOf("matrixNorm", ord), a = matricesOf("matrixNorm", A), rank = a.shape.length;
  if (!Array.isArray(dim) || dim.length !== 2) {
    throw new TypeError(`matrixNorm: dim is ${describe(dim)}, wants two dimensions.`);
  }
  const [row, column] = dim.map((d) => normalizeAxis("matrixNorm", d, rank));
  if (row === column) {
    throw new ShapeError(`matrixNorm: both dimensions of ${showShape(a.shape)} are ${row}.`);
  }
  if (kind === "fro") return wrap(a).norm(2, [row, column], { keepdim });
  const others = a.shape.map((_, i) => i).filter((i) => i !== row && i !== column);
  const order = [...others, row, column];
  const x = order.every((d, i) => d === i) ? a : permute(a, order);
  const shape = keepdim
    ? a.shape.map((d, i) => i === row || i === column ? 1 : d)
    : others.map((i) => a.shape[i]);
  const last = rank - 2;
  if (kind === "nuc" || Math.abs(kind) === 2) {
    const s = svd(x)[1], k = s.shape[last];
    if (kind === "nuc") return wrap(reshape(sum(s, [last], false), shape));
    return wrap(reshape(narrow(s, last, kind > 0 ? 0 : k - 1, 1), shape));
  }
  const sums = sum(abs(x), [Math.abs(kind) === 1 ? rank - 2 : rank - 1], false);
  return wrap(reshape((kind > 0 ? amax : amin)(sums, [last], false), shape));
}

/**
 * Condition numbers of matrices `[..., m, n]`, float32 or float64: by default the largest over the
 * smallest singular value; with another norm `p` that of the matrix times that of its inverse, for
 * square matrices. Infinity for a singular matrix, 0 for an empty one.
 *
 * @throws {ShapeError} where p is not 2 or -2 and the matrices are not square
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.cond(tensor([[4, 0], [0, 2]])).item(), 2);
 * assertEquals(linalg.cond(tensor([[1, 2], [2, 4]]), 1).item(), Infinity);
 * ```
 */
export function cond(A: Tensor, p: MatrixOrder = 2): Tensor {
  const kind = orderOf("cond", p);
  if (kind === 2 || kind === -2) {
    const a = matricesOf("cond", A), lead = a.shape.slice(0, -2);
    if (Math.min(...a.shape.slice(-2)) === 0) return wrap(a).sum([-2, -1]);
    const s = svd(a)[1], axis = lead.length, k = s.shape[axis];
    const most = wrap(reshape(narrow(s, axis, 0, 1), lead));
    const least = wrap(reshape(narrow(s, axis, k - 1, 1), lead));
    return kind === 2 ? most.div(least) : least.div(most);
  }
  const a = squareOf("cond", A);
  if (a.shape[a.shape.length - 1] === 0) return wrap(a).sum([-2, -1]);
  const value = matrixNorm(wrap(a), kind).mul(matrixNorm(inv(wrap(a)), kind)).node;
  const singular = eq(slogdet(a)[0], num(0, a));
  return wrap(where(singular, num(Infinity, a), value));
}
