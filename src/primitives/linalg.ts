/** Linear systems: solve, inverse and determinant, for batches of square matrices of any size. @module */

import { attr, type NodeDef } from "../onnx/mod.ts";
import type { DType } from "../runtime/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { broadcastShapes, sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { cast, div, eq, mul, neg, num } from "./elementwise.ts";
import { iota } from "./iota.ts";
import { dot, swapLast } from "./matmul.ts";
import { expand, permute, reshape } from "./movement.ts";

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

/** What elimination leaves: names of ONNX values. */
interface Eliminated {
  /** The matrices, each column with one entry that is not zero: [b, n, m]. */
  readonly matrices: string;
  /** Row of the pivot of each column: int64 [n, b, 1, 1]. */
  readonly rows: string;
  /** The pivots: [n, b, 1, 1]. */
  readonly pivots: string;
}

/**
 * Gauss-Jordan elimination of the first n columns of [b, n, m] matrices, as an ONNX Loop over the
 * columns. The pivot is the largest entry of the column among rows that were no pivot yet; rows stay
 * where they are, and which one served each column is noted instead.
 */
function eliminate(
  c: LowerContext,
  matrices: string,
  [b, n, m]: readonly [number, number, number],
  dtype: DType,
): Eliminated {
  const nodes: NodeDef[] = [];
  const name = () => c.fresh("gj");
  const op = (opType: string, inputs: string[], attributes?: NodeDef["attributes"]) => {
    const out = name();
    nodes.push({ opType, inputs, outputs: [out], attributes });
    return out;
  };
  const axis = (i: number) => ({ axis: attr.int(i) });
  const [step, go, a, used] = [name(), name(), name(), name()];
  const numbers = c.constant("int64", [1, n, 1], Array.from({ length: n }, (_, i) => i));
  const rowShape = c.ints([b, 1, m]), zero = c.scalar(dtype, 0), never = c.scalar(dtype, -1);

  const at = op("Reshape", [step, c.ints([1])]);
  const column = op("Gather", [a, at], axis(2));
  const size = op("Where", [used, never, op("Abs", [column])]);
  const pivotRow = op("ArgMax", [size], { ...axis(1), keepdims: attr.int(1) });
  const row = op("GatherElements", [a, op("Expand", [pivotRow, rowShape])], axis(1));
  const pivot = op("Gather", [row, at], axis(2));
  const isPivot = op("Equal", [pivotRow, numbers]);
  const factor = op("Where", [isPivot, zero, op("Div", [column, pivot])]);
  const next = op("Sub", [a, op("Mul", [factor, row])]);
  const usedNext = op("Or", [used, isPivot]);
  const goNext = op("Identity", [go]);

  const body = {
    name: c.fresh("eliminate"),
    nodes,
    inputs: [
      { name: step, dtype: "int64" as const, shape: [] },
      { name: go, dtype: "bool" as const, shape: [] },
      { name: a, dtype, shape: [b, n, m] },
      { name: used, dtype: "bool" as const, shape: [b, n, 1] },
    ],
    outputs: [
      { name: goNext, dtype: "bool" as const, shape: [] },
      { name: next, dtype, shape: [b, n, m] },
      { name: usedNext, dtype: "bool" as const, shape: [b, n, 1] },
      { name: pivotRow, dtype: "int64" as const, shape: [b, 1, 1] },
      { name: pivot, dtype, shape: [b, 1, 1] },
    ],
  };
  const none = c.op("Expand", [c.scalar("bool", 0), c.ints([b, n, 1])]);
  const [reduced, , rows, pivots] = c.ops(
    "Loop",
    [c.scalar("int64", n), c.scalar("bool", 1), matrices, none],
    { body: attr.graph(body) },
    { outputs: 4 },
  );
  return { matrices: reduced, rows, pivots };
}

/** [n, b, 1, 1] to [b, n, 1]. */
function perMatrix(c: LowerContext, x: string, b: number, n: number): string {
  const flat = c.op("Reshape", [x, c.ints([n, b])]);
  return c.op("Reshape", [c.op("Transpose", [flat], { perm: attr.ints([1, 0]) }), c.ints([b, n, 1])]);
}

/**
 * X with A X = B, by Gauss-Jordan elimination with partial pivoting. A singular A gives infinities or
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
    const joined = c.op("Concat", [
      c.op("Reshape", [a, c.ints([count, n, n])]),
      c.op("Reshape", [b, c.ints([count, n, k])]),
    ], { axis: attr.int(2) });
    const { matrices, rows, pivots } = eliminate(c, joined, [count, n, n + k], node.dtype);
    const right = c.op("Slice", [matrices, c.ints([n]), c.ints([n + k]), c.ints([2])]);
    const order = c.op("Expand", [perMatrix(c, rows, count, n), c.ints([count, n, k])]);
    const sorted = c.op("GatherElements", [right, order], { axis: attr.int(1) });
    return c.op("Reshape", [
      c.op("Div", [sorted, perMatrix(c, pivots, count, n)]),
      c.ints(node.shape),
    ]);
  },
  vjp(g, node, needs) {
    const [a] = node.inputs;
    const gb = solve(permute(a, swapLast(a.shape.length)), g);
    return [needs[0] ? neg(dot(gb, node, false, true)) : null, needs[1] ? gb : null];
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
    const { rows, pivots } = eliminate(c, flat, [count, n, n], node.dtype);
    const last = c.ints([0]), drop = { keepdims: attr.int(0) };
    const size = c.op("ReduceProd", [c.op("Reshape", [pivots, c.ints([n, count])]), last], drop);
    // Each pair of pivot rows out of order turns the sign.
    const later = c.op("Reshape", [rows, c.ints([1, n, count])]);
    const sooner = c.op("Reshape", [rows, c.ints([n, 1, count])]);
    const isLater = Array.from({ length: n * n }, (_, i) => i % n > Math.floor(i / n) ? 1 : 0);
    const upper = c.constant("bool", [n, n, 1], isLater);
    const swapped = c.op("And", [c.op("Less", [later, sooner]), upper]);
    const one = c.scalar(node.dtype, 1), minusOne = c.scalar(node.dtype, -1);
    const signs = c.op("Where", [swapped, minusOne, one]);
    const sign = c.op("ReduceProd", [signs, c.ints([0, 1])], drop);
    return c.op("Reshape", [c.op("Mul", [size, sign]), c.ints(node.shape)]);
  },
  vjp(g, node) {
    const [a] = node.inputs;
    const scale = reshape(mul(g, node), [...node.shape, 1, 1]);
    return [mul(scale, inv(permute(a, swapLast(a.shape.length))))];
  },
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
      `solve: got B ${showShape(b.shape)}, wants [..., n, k]; unsqueeze(-1) turns a vector into a ` +
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
