/**
 * What the primitives of dense linear algebra share: checks, triangles, diagonals, rows in an order.
 *
 * @module
 */

import { DTypeError, ShapeError } from "../../graph/errors.ts";
import { apply, type Node } from "../../graph/node.ts";
import { sameShape, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import { add, cast, eq, le, lt, mul, num, sub, where } from "../elementwise.ts";
import { gather } from "../index.ts";
import { iota, iotaAlong } from "../iota.ts";
import { swapLast } from "../matmul.ts";
import { batchAll, concat, expand, permute, reshape, slice } from "../movement.ts";
import { argsort } from "../order.ts";

/** Refuses what is no batch of floating-point matrices [..., m, n]. */
export function checkMatrices(op: string, a: Node): void {
  if (a.dtype !== "float32" && a.dtype !== "float64") {
    throw new DTypeError(`${op}: got ${a.dtype}, wants float32 or float64; convert it first.`);
  }
  if (a.shape.length < 2) {
    throw new ShapeError(`${op}: got ${showShape(a.shape)}, wants matrices [..., m, n].`);
  }
}

/** Refuses what is no batch of floating-point square matrices [..., n, n]. */
export function checkSquare(op: string, a: Node): void {
  checkMatrices(op, a);
  const [m, n] = a.shape.slice(-2);
  if (m !== n) {
    throw new ShapeError(`${op}: got ${showShape(a.shape)}, wants square matrices [..., n, n].`);
  }
}

/** Refuses matrices A [..., n, n] and B [..., n, k] that do not fit together. */
export function checkSystem(op: string, a: Node, b: Node): void {
  checkSquare(op, a);
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `${op}: operands are ${a.dtype} and ${b.dtype}; convert one with to("${a.dtype}").`,
    );
  }
  const fits = b.shape.length === a.shape.length &&
    sameShape(b.shape.slice(0, -1), a.shape.slice(0, -1));
  if (fits) return;
  throw new ShapeError(
    `${op}: got A ${showShape(a.shape)} and B ${showShape(b.shape)}, wants [..., n, n] and ` +
      `[..., n, k]; unsqueeze(-1) turns a vector into a column.`,
  );
}

/** Sizes [batch, m, n] of matrices [..., m, n] with their leading dimensions as one. */
export function flatSizes(shape: Shape): [number, number, number] {
  const [m, n] = shape.slice(-2);
  return [sizeOf(shape.slice(0, -2)), m, n];
}

/** The matrices with rows and columns exchanged. */
export function transposed(x: Node): Node {
  return permute(x, swapLast(x.shape.length));
}

/** Half the sum of the matrices and their transposes. */
export function symmetricPart(x: Node): Node {
  return mul(num(0.5, x), add(x, transposed(x)));
}

/** Column minus row of each element of [m, n] matrices, in a type that comparisons can be fused with. */
function diagonalNumbers(m: number, n: number, like: Node): Node {
  return sub(iotaAlong(n, 1, 2, like.dtype), iotaAlong(m, 0, 2, like.dtype));
}

/** The lower triangle up to a diagonal (0: the main one, -1: below it); zeros above. */
export function lower(x: Node, diagonal = 0): Node {
  const [m, n] = x.shape.slice(-2);
  return where(le(diagonalNumbers(m, n, x), num(diagonal, x)), x, num(0, x));
}

/** The upper triangle from a diagonal on (0: the main one, 1: above it); zeros below. */
export function upper(x: Node, diagonal = 0): Node {
  const [m, n] = x.shape.slice(-2);
  return where(le(num(diagonal, x), diagonalNumbers(m, n, x)), x, num(0, x));
}

/** The lower triangle with half of the diagonal. */
export function halvedLower(x: Node): Node {
  const [m, n] = x.shape.slice(-2), at = diagonalNumbers(m, n, x), zero = num(0, x);
  return where(lt(at, zero), x, where(eq(at, zero), mul(num(0.5, x), x), zero));
}

/** The first `n` columns of the identity of size `m` (by default as large), in the type of `like`. */
export function identity(n: number, like: Node, m = n): Node {
  return cast(eq(iotaAlong(m, 0, 2, "int64"), iota(n, "int64")), like.dtype);
}

/** Elements [..., i, i] of [..., m, n] matrices: [..., min(m, n)]. */
export function diagonalOf(x: Node): Node {
  const lead = x.shape.slice(0, -2), [m, n] = x.shape.slice(-2), axis = lead.length;
  const flat = reshape(x, [...lead, m * n]);
  return slice(flat, {
    starts: flat.shape.map(() => 0),
    sizes: [...lead, Math.min(m, n)],
    steps: flat.shape.map((_, i) => i === axis ? n + 1 : 1),
  });
}

/** Square matrices with the last dimension of x on the diagonal, zeros elsewhere. */
export function onDiagonal(x: Node): Node {
  const n = x.shape[x.shape.length - 1];
  const mask = eq(iotaAlong(n, 0, 2, "int64"), iota(n, "int64"));
  return where(mask, rowOf(x), num(0, x));
}

/** A vector [..., n] as a row [..., 1, n]. */
export function rowOf(x: Node): Node {
  return reshape(x, [...x.shape.slice(0, -1), 1, ...x.shape.slice(-1)]);
}

/** A vector [..., n] as a column [..., n, 1]. */
export function columnOf(x: Node): Node {
  return reshape(x, [...x.shape, 1]);
}

/** Rows of [..., m, n] in the order of places [..., p]: result [..., p, n]. */
export function takeRows(x: Node, places: Node): Node {
  const n = x.shape[x.shape.length - 1];
  return gather(x, x.shape.length - 2, expand(columnOf(places), [...places.shape, n]));
}

/** Columns of [..., m, n] in the order of places [..., p]: result [..., m, p]. */
export function takeColumns(x: Node, places: Node): Node {
  const lead = x.shape.slice(0, -1), p = places.shape[places.shape.length - 1];
  return gather(x, x.shape.length - 1, expand(rowOf(places), [...lead, p]));
}

/** The permutations that undo permutations [..., n]. */
export function inverseOrder(places: Node): Node {
  return argsort(places, places.shape.length - 1, false);
}

/** A part of matrices: `m` rows from `row` on, `n` columns from `column` on. */
export function block(x: Node, row: number, m: number, column: number, n: number): Node {
  const lead = x.shape.slice(0, -2), none = lead.map(() => 0);
  return slice(x, {
    starts: [...none, row, column],
    sizes: [...lead, m, n],
    steps: x.shape.map(() => 1),
  });
}

/** Matrices put together of parts: rows of blocks. */
export function blocks(rows: readonly (readonly Node[])[]): Node {
  const axis = rows[0][0].shape.length;
  return concat(rows.map((row) => concat(row, axis - 1)), axis - 2);
}

/** Zeros of some shape in the type of `like`. */
export function zeros(shape: Shape, like: Node): Node {
  return expand(num(0, like), shape);
}

/**
 * All operands with the batch in front: the rule for primitives that take leading dimensions.
 * `like` has them all, and equal in number.
 */
export const batchLeading = (
  node: Node,
  xs: readonly Node[],
  batched: readonly boolean[],
  size: number,
) => apply(node.prim, batchAll(xs, batched, size), node.attrs);

/**
 * `fn` of B [n, k], applied to a batch [..., n, k] as the columns of one matrix: a single matrix is
 * factored once for all.
 */
export function inOneMatrix(b: Node, fn: (b: Node) => Node): Node {
  if (b.shape.length === 2) return fn(b);
  const lead = b.shape.slice(0, -2), [n, k] = b.shape.slice(-2), count = sizeOf(lead);
  const apart = permute(reshape(b, [count, n, k]), [1, 0, 2]);
  const y = fn(reshape(apart, [n, count * k])), [rows] = y.shape;
  return reshape(permute(reshape(y, [rows, count, k]), [1, 0, 2]), [...lead, rows, k]);
}
