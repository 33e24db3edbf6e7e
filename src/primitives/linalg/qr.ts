/**
 * QR factorization by Householder reflections (Golub & Van Loan, Matrix Computations, 2013, ch. 5.2).
 *
 * @module
 */

import { attr } from "../../onnx/mod.ts";
import { GradientError, ShapeError } from "../../graph/errors.ts";
import type { LowerContext } from "../../graph/lower_context.ts";
import { apply, type Aval, definePrimitive, type Node, type Primitive } from "../../graph/node.ts";
import { showShape, sizeOf } from "../../graph/shape.ts";
import { add, neg } from "../elementwise.ts";
import { dot } from "../matmul.ts";
import { concat, expand } from "../movement.ts";
import { lowerReduce, type Reduction } from "../reduce_stages.ts";
import { project } from "../tuple.ts";
import { emitLoop } from "./loop.ts";
import {
  batchLeading,
  block,
  checkMatrices,
  flatSizes,
  identity,
  lower,
  transposed,
  upper,
  zeros,
} from "./matrices.ts";
import { triangularSolveRight } from "./triangular.ts";

/** Static arguments of `qr`. */
export interface QrAttrs {
  /** Whether Q is a whole basis [..., m, m], R [..., m, n]; else [..., m, n] and [..., n, n]. */
  readonly complete: boolean;
}

/**
 * Q with orthonormal columns and upper triangular R with A = Q R, for matrices [..., m, n] with
 * m >= n. Signs are those of LAPACK: R's diagonal is the opposite of what stands there when its column
 * comes up, or that itself where nothing below it has to be cleared.
 */
export const qrPrim: Primitive<QrAttrs> = definePrimitive<QrAttrs>({
  name: "qr",
  infer([a], { complete }): Aval[] {
    checkMatrices("qr", a);
    const lead = a.shape.slice(0, -2), [m, n] = a.shape.slice(-2);
    if (m < n) {
      throw new ShapeError(`qr: got ${showShape(a.shape)}, wants no more columns than rows.`);
    }
    return [
      { shape: [...lead, m, complete ? m : n], dtype: a.dtype },
      { shape: [...lead, complete ? m : n, n], dtype: a.dtype },
    ];
  },
  lower(c, [a], node) {
    if (!c.target.has("torchopt.Qr", node.inputs[0].dtype)) return emitReflections(c, a, node);
    return c.ops(`Qr${node.dtype === "float32" ? "F32" : "F64"}`, [a], {
      shape: attr.ints(node.inputs[0].shape),
      complete: attr.int(node.attrs.complete ? 1 : 0),
    }, { domain: "torchopt", outputs: 2 });
  },
  vjp([gq, gr]: readonly (Node | null)[], node) {
    const [a] = node.inputs, [m, n] = a.shape.slice(-2);
    if (node.attrs.complete && m !== n) {
      throw new GradientError(
        `qr: Q of a whole basis of ${
          showShape(a.shape)
        } is not unique and has no derivative; use ` +
          `mode "reduced".`,
      );
    }
    const q = project(node, 0), r = project(node, 1);
    const parts: Node[] = [];
    if (gr !== null) parts.push(dot(r, upper(gr), false, true));
    if (gq !== null) parts.push(neg(dot(gq, q, true, false)));
    const middle = parts.reduce(add);
    const symmetric = add(lower(middle), transposed(lower(middle, -1)));
    const inner = dot(q, symmetric);
    const whole = gq === null ? inner : add(gq, inner);
    return [triangularSolveRight(r, whole, { upper: true, unit: false, transpose: true })];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  unpack(node, index) {
    const { shape } = node.outs![index];
    if (sizeOf(node.inputs[0].shape) > 0) return null;
    const like = node.inputs[0];
    if (index === 1 || shape[shape.length - 1] === 0) return zeros(shape, like);
    return expand(identity(shape[shape.length - 1], like), shape);
  },
});

/**
 * Reflections as a loop over the columns, and Q as one backwards. They stand below the diagonal; the
 * factor of each is carried beside them.
 */
function emitReflections(c: LowerContext, a: string, node: Node<QrAttrs>): string[] {
  const { dtype } = node, [b, m, n] = flatSizes(node.inputs[0].shape);
  const columnsOfQ = node.attrs.complete ? m : n;
  const axis = (i: number) => ({ axis: attr.int(i) });
  const numbers = (size: number) => Array.from({ length: size }, (_, i) => i);
  const rows = c.constant("int64", [1, m, 1], numbers(m));
  const columns = c.constant("int64", [1, 1, n], numbers(n));
  const zero = c.scalar(dtype, 0), one = c.scalar(dtype, 1);
  const over = (type: Reduction, x: string) =>
    lowerReduce(c, type, x, { dtype, shape: [b, m, 1] }, [1], true);
  const turned = (x: string) => c.op("Transpose", [x], { perm: attr.ints([0, 2, 1]) });
  const reflect = (x: string, v: string, factor: string) => {
    const row = c.op("Mul", [factor, c.op("MatMul", [turned(v), x])]);
    return c.op("Sub", [x, c.op("Mul", [v, row])]);
  };
  const [packed, factors] = emitLoop(c, n, [
    { name: c.op("Reshape", [a, c.ints([b, m, n])]), dtype, shape: [b, m, n] },
    { name: c.op("Expand", [zero, c.ints([b, 1, n])]), dtype, shape: [b, 1, n] },
  ], (turn, [before, factorsBefore]) => {
    const at = c.op("Reshape", [turn, c.ints([1])]);
    const isTop = c.op("Equal", [rows, at]), below = c.op("Greater", [rows, at]);
    const column = c.op("Gather", [before, at], axis(2));
    const top = c.op("Gather", [column, at], axis(1));
    const rest = c.op("Where", [below, column, zero]);
    const live = c.op("Where", [isTop, top, rest]);
    const scale = over("ReduceMax", c.op("Abs", [live]));
    const divisor = c.op("Where", [c.op("Equal", [scale, zero]), one, scale]);
    const scaled = c.op("Div", [live, divisor]);
    const squared = over("ReduceSum", c.op("Mul", [scaled, scaled]));
    const length = c.op("Mul", [c.op("Sqrt", [squared]), divisor]);
    const trivial = c.op("Equal", [over("ReduceMax", c.op("Abs", [rest])), zero]);
    const negative = c.op("Less", [top, zero]);
    const signed = c.op("Where", [negative, length, c.op("Neg", [length])]);
    const beta = c.op("Where", [trivial, top, signed]);
    const span = c.op("Where", [trivial, one, c.op("Sub", [top, beta])]);
    const v = c.op("Where", [isTop, one, c.op("Div", [rest, span])]);
    const safe = c.op("Where", [trivial, one, beta]);
    const ratio = c.op("Div", [c.op("Sub", [beta, top]), safe]);
    const factor = c.op("Where", [trivial, zero, ratio]);
    const after = reflect(before, v, factor);
    const own = c.op("Equal", [columns, at]), later = c.op("Greater", [columns, at]);
    const settled = c.op("Where", [isTop, beta, c.op("Where", [below, v, column])]);
    return {
      states: [
        c.op("Where", [own, settled, c.op("Where", [later, after, before])]),
        c.op("Where", [own, factor, factorsBefore]),
      ],
    };
  });
  const unit = numbers(m * columnsOfQ).map((i) =>
    i % columnsOfQ === Math.floor(i / columnsOfQ) ? 1 : 0
  );
  const start = c.op("Expand", [
    c.constant(dtype, [1, m, columnsOfQ], unit),
    c.ints([b, m, columnsOfQ]),
  ]);
  const [q] = emitLoop(
    c,
    n,
    [{ name: start, dtype, shape: [b, m, columnsOfQ] }],
    (turn, [before]) => {
      const at = c.op("Reshape", [c.op("Sub", [c.scalar("int64", n - 1), turn]), c.ints([1])]);
      const column = c.op("Gather", [packed, at], axis(2));
      const below = c.op("Where", [c.op("Greater", [rows, at]), column, zero]);
      const v = c.op("Where", [c.op("Equal", [rows, at]), one, below]);
      return { states: [reflect(before, v, c.op("Gather", [factors, at], axis(2)))] };
    },
  );
  const triangle = c.op("Where", [c.op("LessOrEqual", [rows, columns]), packed, zero]);
  const r = node.attrs.complete
    ? triangle
    : c.op("Slice", [triangle, c.ints([0]), c.ints([n]), c.ints([1])]);
  return [q, r].map((x, i) => c.op("Reshape", [x, c.ints(node.outs![i].shape)]));
}

/**
 * Q and R of [..., m, n] matrices. Wide ones, with n > m, are factored by their first m columns, which
 * also gives their derivative.
 */
export function qr(a: Node, complete = false): [Node, Node] {
  checkMatrices("qr", a);
  const [m, n] = a.shape.slice(-2);
  if (m >= n) {
    const node = apply(qrPrim, [a], { complete });
    return [project(node, 0), project(node, 1)];
  }
  const [q, r] = qr(block(a, 0, m, 0, m));
  const right = dot(q, block(a, 0, m, m, n - m), true, false);
  return [q, concat([r, right], a.shape.length - 1)];
}
