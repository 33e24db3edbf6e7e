/**
 * Linear systems: solve, inverse and determinant, for batches of square matrices of any size.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { broadcastShapes, sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { emitPivots, emitSolve } from "./elimination.ts";
import { cast, div, eq, mul, neg, num } from "./elementwise.ts";
import { iota } from "./iota.ts";
import { dot, swapLast } from "./matmul.ts";
import { batchAll, expand, permute, reshape } from "./movement.ts";

function checkMatrix(op: string, a: Node): void {
  if (a.dtype !== "float32" && a.dtype !== "float64") {
    throw new DTypeError(`${op}: got ${a.dtype}, wants float32 or float64; convert it first.`);
  }
  const rank = a.shape.length;
  if (rank < 2 || a.shape[rank - 1] !== a.shape[rank - 2]) {
    throw new ShapeError(
      `${op}: got ${showShape(a.shape)}, wants square matrices [..., n, n].`,
    );
  }
}

/**
 * X with A X = B, by elimination with partial pivoting. A singular A gives infinities or
 * NaN. Inputs: A [..., n, n], B [..., n, k] with equal leading dimensions.
 */
export const solvePrim: Primitive<null> = definePrimitive<null>({
  name: "solve",
  infer([a, b]) {
    checkMatrix("solve", a);
    if (a.dtype !== b.dtype) {
      throw new DTypeError(
        `solve: operands are ${a.dtype} and ${b.dtype}; convert one with to("${a.dtype}").`,
      );
    }
    if (
      b.shape.length !== a.shape.length || !sameShape(b.shape.slice(0, -1), a.shape.slice(0, -1))
    ) {
      throw new ShapeError(
        `solve: got A ${showShape(a.shape)} and B ${showShape(b.shape)}, wants [..., n, n] and ` +
          `[..., n, k]; unsqueeze(-1) turns a vector into a column.`,
      );
    }
    return { shape: b.shape, dtype: b.dtype };
  },
  lower(c, [a, b], node) {
    const [n, k] = node.shape.slice(-2), count = sizeOf(node.shape.slice(0, -2));
    const x = emitSolve(
      c,
      c.op("Reshape", [a, c.ints([count, n, n])]),
      c.op("Reshape", [b, c.ints([count, n, k])]),
      [count, n, k],
      node.dtype,
    );
    return c.op("Reshape", [x, c.ints(node.shape)]);
  },
  vjp(g, node, needs) {
    const [a] = node.inputs;
    const gb = solve(permute(a, swapLast(a.shape.length)), g);
    return [needs[0] ? neg(dot(gb, node, false, true)) : null, needs[1] ? gb : null];
  },
  batch(node, [a, b], batched, size) {
    if (batched[0] || node.shape.length > 2) {
      const [all, sides] = batchAll([a, b], batched, size);
      return solve(all, sides);
    }
    // One matrix for all examples is eliminated once: their right sides are columns of one.
    const [n, k] = node.shape;
    const columns = reshape(permute(b, [1, 0, 2]), [n, size * k]);
    return permute(reshape(solve(a, columns), [n, size, k]), [1, 0, 2]);
  },
  simplify(node) {
    const [a, b] = node.inputs;
    if (sizeOf(node.shape) === 0) return b;
    return a.shape[a.shape.length - 1] === 1 ? div(b, a) : node;
  },
});

/**
 * Determinant, from the same elimination. Its derivative is that of a matrix with an inverse; for a
 * singular matrix it is NaN. Input: A [..., n, n].
 */
export const detPrim: Primitive<null> = definePrimitive<null>({
  name: "det",
  infer([a]) {
    checkMatrix("det", a);
    return { shape: a.shape.slice(0, -2), dtype: a.dtype };
  },
  lower(c, [a], node) {
    const shape = node.inputs[0].shape;
    const n = shape[shape.length - 1], count = sizeOf(node.shape);
    const flat = c.op("Reshape", [a, c.ints([count, n, n])]);
    const { rows, pivots } = emitPivots(c, flat, [count, n], node.dtype);
    const product = (x: string, axes: number[]) =>
      c.op("ReduceProd", [x, c.ints(axes)], { keepdims: attr.int(0) });
    // Each pair of pivot rows out of order turns the sign.
    const later = c.op("Reshape", [rows, c.ints([count, 1, n])]);
    const isLater = Array.from({ length: n * n }, (_, i) => i % n > Math.floor(i / n) ? 1 : 0);
    const swapped = c.op("And", [
      c.op("Less", [later, rows]),
      c.constant("bool", [1, n, n], isLater),
    ]);
    const signs = c.op("Where", [swapped, c.scalar(node.dtype, -1), c.scalar(node.dtype, 1)]);
    const y = c.op("Mul", [product(pivots, [1, 2]), product(signs, [1, 2])]);
    return c.op("Reshape", [y, c.ints(node.shape)]);
  },
  vjp(g, node) {
    const [a] = node.inputs;
    const scale = reshape(mul(g, node), [...node.shape, 1, 1]);
    return [mul(scale, inv(permute(a, swapLast(a.shape.length))))];
  },
  batch: (_node, [a]) => det(a),
  simplify(node) {
    const n = node.inputs[0].shape[node.inputs[0].shape.length - 1];
    if (n === 1) return reshape(node.inputs[0], node.shape);
    return n === 0 || sizeOf(node.shape) === 0 ? expand(num(1, node), node.shape) : node;
  },
});

/** The n x n identity in the type of `like`. */
function identity(n: number, like: Node): Node {
  const numbers = iota(n, "int64");
  return cast(eq(reshape(numbers, [n, 1]), numbers), like.dtype);
}

/** X with A X = B; leading dimensions broadcast. */
export function solve(a: Node, b: Node): Node {
  checkMatrix("solve", a);
  if (b.shape.length < 2) {
    throw new ShapeError(
      `solve: got B ${
        showShape(b.shape)
      }, wants [..., n, k]; unsqueeze(-1) turns a vector into a ` +
        `column.`,
    );
  }
  const batch = broadcastShapes("solve", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const grow = (x: Node): Node => expand(x, [...batch, ...x.shape.slice(-2)] as Shape);
  return apply(solvePrim, [grow(a), grow(b)], null);
}
/** Inverse of [..., n, n] matrices; infinities or NaN where there is none. */
export function inv(a: Node): Node {
  checkMatrix("inv", a);
  return solve(a, identity(a.shape[a.shape.length - 1], a));
}
/** Determinant of [..., n, n] matrices. */
export function det(a: Node): Node {
  return apply(detPrim, [a], null);
}
