/**
 * Matrix products.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { interned } from "../graph/intern.ts";
import { applyShared, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { broadcastShapes, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { add, addPrim, mul, mulPrim, num } from "./elementwise.ts";
import { splitDot } from "./long_dot.ts";
import { expand, permute, permutePrim, reshape, reshapePrim } from "./movement.ts";
import { sumTo } from "./reduce.ts";

/** Static arguments of `dot`. */
export interface DotAttrs {
  /** Whether the first operand is used transposed. */
  readonly ta: boolean;
  /** Whether the second operand is used transposed. */
  readonly tb: boolean;
}

const matrix = (s: Shape, t: boolean): [number, number] =>
  t ? [s[s.length - 1], s[s.length - 2]] : [s[s.length - 2], s[s.length - 1]];

/** The permutation that swaps the last two of `rank` dimensions. */
export function swapLast(rank: number): number[] {
  const perm = Array.from({ length: rank }, (_, i) => i);
  perm[rank - 1] = rank - 2;
  perm[rank - 2] = rank - 1;
  return perm;
}

function isSwap(node: Node): boolean {
  if (node.prim !== permutePrim) return false;
  const { perm } = (node as Node<{ perm: Shape }>).attrs;
  return swapLast(perm.length).every((p, i) => p === perm[i]);
}

/**
 * Matrix product of the last two dimensions, leading dimensions broadcast. Transposition is a flag,
 * so derivatives of every order need no transposing copies.
 */
export const dotPrim: Primitive<DotAttrs> = definePrimitive<DotAttrs>({
  name: "dot",
  infer([a, b], { ta, tb }) {
    if (a.dtype !== b.dtype) {
      throw new DTypeError(
        `matmul: operands are ${a.dtype} and ${b.dtype}; convert one with to("${a.dtype}").`,
      );
    }
    if (a.dtype === "bool" || a.dtype === "uint8") {
      throw new DTypeError(`matmul: got ${a.dtype}, wants floating point or int32/int64.`);
    }
    if (a.shape.length < 2 || b.shape.length < 2) {
      throw new ShapeError(
        `matmul: got ${showShape(a.shape)} and ${
          showShape(b.shape)
        }, wants two or more dimensions.`,
      );
    }
    const [m, ka] = matrix(a.shape, ta), [kb, n] = matrix(b.shape, tb);
    if (ka !== kb) {
      throw new ShapeError(
        `matmul: the inner dimensions of ${showShape(a.shape)}${ta ? " (transposed)" : ""} and ` +
          `${showShape(b.shape)}${tb ? " (transposed)" : ""} are ${ka} and ${kb}; they must be ` +
          `equal. Did you mean to transpose one of them?`,
      );
    }
    const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
    return { shape: [...batch, m, n], dtype: a.dtype };
  },
  lower(c, [a, b], node) {
    const { ta, tb } = node.attrs;
    const float = node.dtype === "float32" || node.dtype === "float64";
    if (!ta && !tb) return c.op("MatMul", [a, b]);
    if (node.inputs.every((x) => x.shape.length === 2) && float) {
      return c.op("Gemm", [a, b], { transA: attr.int(ta ? 1 : 0), transB: attr.int(tb ? 1 : 0) });
    }
    const [x, y] = node.inputs;
    const turn = (value: string, { shape }: Node) =>
      c.op("Transpose", [value], { perm: attr.ints(swapLast(shape.length)) });
    // The product of the turned operands in reverse is the turned result: what moves less is turned.
    const [sx, sy] = [sizeOf(x.shape), sizeOf(y.shape)];
    const direct = (ta ? sx : 0) + (tb ? sy : 0);
    if ((ta ? 0 : sx) + (tb ? 0 : sy) + sizeOf(node.shape) < direct) {
      return turn(c.op("MatMul", [tb ? b : turn(b, y), ta ? a : turn(a, x)]), node);
    }
    return c.op("MatMul", [ta ? turn(a, x) : a, tb ? turn(b, y) : b]);
  },
  vjp(g, { inputs: [a, b], attrs: { ta, tb } }, needs) {
    return [
      needs[0] ? sumTo(ta ? dot(b, g, tb, true) : dot(g, b, false, !tb), a.shape) : null,
      needs[1] ? sumTo(tb ? dot(g, a, true, ta) : dot(a, g, !ta, false), b.shape) : null,
    ];
  },
  batch: (node, [a, b], batched) =>
    (batched[0] && batched[1] ? null : foldedDot(node, a, b, batched[0])) ?? batchedDot(node, a, b),
  simplify(node) {
    const [a, b] = node.inputs, { ta, tb } = node.attrs;
    if (isSwap(a)) return dot(a.inputs[0], b, !ta, tb);
    if (isSwap(b)) return dot(a, b.inputs[0], ta, !tb);
    // ONNX Runtime may leave the result of a product unwritten that sums over nothing.
    if (sizeOf(a.shape) === 0 || sizeOf(b.shape) === 0) return expand(num(0, node), node.shape);
    return alongLines(node) ?? node;
  },
  decompose: splitDot,
  program: { kind: "matmul" },
});

/**
 * The product of a matrix with rows u + s * d, where each of few directions d is taken with several
 * factors s, as in a line search or a zero-order estimate: the products of u and of d, put together, are
 * less work than those of all rows. Null for anything else.
 */
function alongLines(node: Node<DotAttrs>): Node | null {
  const [a, b] = node.inputs, { ta, tb } = node.attrs;
  const sum = a.prim === reshapePrim ? a.inputs[0] : a, k = sum.shape[sum.shape.length - 1];
  const float = node.dtype === "float32" || node.dtype === "float64";
  if (ta || !float || sum.prim !== addPrim || a.shape.length !== 2 || b.shape.length !== 2) {
    return null;
  }
  if (a.shape[1] !== k) return null;
  const last = (x: Node) => x.shape[x.shape.length - 1] ?? 1;
  const [x, y] = sum.inputs, [u, product] = y.prim === mulPrim ? [x, y] : [y, x];
  if (product.prim !== mulPrim || last(u) !== k || k === 1) return null;
  const [p, q] = product.inputs, [d, s] = last(p) === k ? [p, q] : [q, p];
  if (last(d) !== k || last(s) !== 1) return null;
  if (4 * (sizeOf(u.shape) + sizeOf(d.shape)) > 3 * sizeOf(sum.shape)) return null;
  const n = node.shape[1];
  const times = (rows: Node) =>
    reshape(dot(reshape(rows, [sizeOf(rows.shape) / k, k]), b, false, tb), [
      ...rows.shape.slice(0, -1),
      n,
    ]);
  return reshape(add(times(u), mul(times(d), s)), node.shape);
}

/** One product for each example. */
function batchedDot(node: Node<DotAttrs>, a: Node, b: Node): Node {
  const { ta, tb } = node.attrs;
  // A batched operand gets as many dimensions as the result, so that the batches meet in front.
  const align = (x: Node, was: Node) => {
    if (x.shape.length === was.shape.length) return x;
    const ones = new Array<number>(node.shape.length - was.shape.length).fill(1);
    return reshape(x, [x.shape[0], ...ones, ...was.shape]);
  };
  return dot(align(a, node.inputs[0]), align(b, node.inputs[1]), ta, tb);
}

/** Columns of one example up to which turning a batch costs less than a product for each. */
const NARROW = 16;

/**
 * One large product for all examples, where a single matrix meets a batch whose examples lie so that
 * its rows are one after another; null where moving them first takes longer than a product for each
 * (512 x 512 by 64 batches of 4 columns: 2 ms folded, 6 ms apart; 256 x 256 by 32 of 64: 5.4, 3.7).
 */
function foldedDot(node: Node<DotAttrs>, a: Node, b: Node, left: boolean): Node | null {
  const { ta, tb } = node.attrs;
  const matrix = left ? b : a;
  let batch = left ? a : b;
  if (matrix.shape.length !== 2) return null;
  const [m, n] = node.shape.slice(-2), rank = batch.shape.length;
  const rows = left ? m : n, summed = left ? matrix.shape[tb ? 1 : 0] : matrix.shape[ta ? 0 : 1];
  // The dimension that the product sums over has to be the last of the batch.
  const summedLast = (left ? !ta : tb) || rows === 1 || summed === 1;
  if (!summedLast) {
    if (left || n > NARROW || 4 * n > m) return null;
    batch = permute(batch, swapLast(rank));
  }
  const outer = batch.shape.slice(0, -2);
  const flat = reshape(batch, [outer.reduce((x, d) => x * d, 1) * rows, summed]);
  const y = left ? dot(flat, matrix, false, tb) : dot(flat, matrix, false, !ta);
  const shaped = reshape(y, [...outer, rows, left ? n : m]);
  return left ? shaped : permute(shaped, swapLast(rank));
}

const transposed = [0, 1, 2, 3].map((bits) =>
  interned<DotAttrs>({ ta: (bits & 1) !== 0, tb: (bits & 2) !== 0 })
);

/** Matrix product of the last two dimensions; `ta` and `tb` transpose an operand. */
export function dot(a: Node, b: Node, ta = false, tb = false): Node {
  return applyShared(dotPrim, [a, b], transposed[Number(ta) + 2 * Number(tb)]);
}
