/**
 * Cholesky factorization (Golub & Van Loan, Matrix Computations, 2013, ch. 4.2). The derivative is in
 * the form of Murray, Differentiation of the Cholesky decomposition, 2016.
 *
 * @module
 */

import { attr } from "../../onnx/mod.ts";
import type { LowerContext } from "../../graph/lower_context.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../../graph/node.ts";
import { sizeOf } from "../../graph/shape.ts";
import { add, isNan, lt, num, sqrt, sub, where } from "../elementwise.ts";
import { dot } from "../matmul.ts";
import { emitLoop } from "./loop.ts";
import {
  batchLeading,
  block,
  blocks,
  checkSquare,
  flatSizes,
  halvedLower,
  lower,
  transposed,
  zeros,
} from "./matrices.ts";
import { hasKernels, LOOP_SIZE, triangularSolve, triangularSolveRight } from "./triangular.ts";

const LOWER = { upper: false, unit: false, transpose: false };
const LOWER_T = { upper: false, unit: false, transpose: true };

/**
 * Lower triangular L with A = L L^T. Only the lower triangle of A is read, and has a derivative. A
 * matrix that is not positive definite gives a triangle of NaN. Input: A [..., n, n].
 */
export const choleskyPrim: Primitive<null> = definePrimitive<null>({
  name: "cholesky",
  infer([a]) {
    checkSquare("cholesky", a);
    return { shape: a.shape, dtype: a.dtype };
  },
  lower(c, [a], node) {
    if (!c.target.has("torchopt.Cholesky", node.dtype)) return emitCholesky(c, a, node);
    return c.ops(`Cholesky${node.dtype === "float32" ? "F32" : "F64"}`, [a], {
      shape: attr.ints(node.shape),
    }, { domain: "torchopt" })[0];
  },
  vjp(g, node) {
    const middle = halvedLower(dot(node, lower(g), true, false));
    const s = triangularSolveRight(node, triangularSolve(node, middle, LOWER_T), LOWER);
    // Both halves of the symmetric derivative are that of the entry that is read.
    return [halvedLower(add(s, transposed(s)))];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  simplify(node) {
    if (sizeOf(node.shape) === 0) return node.inputs[0];
    if (node.shape[node.shape.length - 1] > 1) return node;
    const [a] = node.inputs;
    return where(lt(num(0, a), a), sqrt(a), num(NaN, a));
  },
  decompose: (node, target) =>
    hasKernels(target) || node.shape[node.shape.length - 1] <= LOOP_SIZE
      ? null
      : inHalves(node.inputs[0]),
});

/** Factors of a large matrix by those of two small ones, for graphs without kernels. */
function inHalves(a: Node): Node {
  const n = a.shape[a.shape.length - 1], h = Math.floor(n / 2), rest = n - h;
  const top = cholesky(block(a, 0, h, 0, h));
  const below = triangularSolveRight(top, block(a, h, rest, 0, h), LOWER_T);
  const corner = cholesky(sub(block(a, h, rest, h, rest), dot(below, below, false, true)));
  const zero = zeros([...a.shape.slice(0, -2), h, rest], a);
  const factor = blocks([[top, zero], [below, corner]]);
  return lower(where(isNan(block(corner, rest - 1, 1, rest - 1, 1)), num(NaN, a), factor));
}

/** The factorization as a loop over the columns. */
function emitCholesky(c: LowerContext, a: string, node: Node): string {
  const { dtype } = node, [b, n] = flatSizes(node.shape);
  const axis = (i: number) => ({ axis: attr.int(i) });
  const numbers = Array.from({ length: n }, (_, i) => i);
  const rows = c.constant("int64", [1, n, 1], numbers);
  const columns = c.constant("int64", [1, 1, n], numbers);
  const zero = c.scalar(dtype, 0), nan = c.scalar(dtype, NaN);
  const start = { name: c.op("Reshape", [a, c.ints([b, n, n])]), dtype, shape: [b, n, n] };
  const [factor] = emitLoop(c, n, [start], (turn, [before]) => {
    const at = c.op("Reshape", [turn, c.ints([1])]);
    const column = c.op("Gather", [before, at], axis(2));
    const square = c.op("Gather", [column, at], axis(1));
    const root = c.op("Sqrt", [c.op("Where", [c.op("Greater", [square, zero]), square, nan])]);
    const divided = c.op("Div", [column, root]);
    const below = c.op("Where", [c.op("Greater", [rows, at]), divided, zero]);
    const whole = c.op("Where", [c.op("Equal", [rows, at]), root, below]);
    const turned = c.op("Transpose", [below], { perm: attr.ints([0, 2, 1]) });
    const cleared = c.op("Sub", [before, c.op("Mul", [below, turned])]);
    return { states: [c.op("Where", [c.op("Equal", [columns, at]), whole, cleared])] };
  });
  const corner = c.op("Slice", [factor, c.ints([n - 1, n - 1]), c.ints([n, n]), c.ints([1, 2])]);
  const failed = c.op("IsNaN", [corner]);
  const kept = c.op("LessOrEqual", [columns, rows]);
  const result = c.op("Where", [kept, c.op("Where", [failed, nan, factor]), zero]);
  return c.op("Reshape", [result, c.ints(node.shape)]);
}

/** Lower triangular factors L with A = L L^T of [..., n, n] matrices, of which the lower triangle is read. */
export function cholesky(a: Node): Node {
  return apply(choleskyPrim, [a], null);
}
