/**
 * Triangular systems.
 *
 * @module
 */

import { attr } from "../../onnx/mod.ts";
import type { LowerContext } from "../../graph/lower_context.ts";
import {
  apply,
  definePrimitive,
  type Node,
  type Primitive,
  type Target,
} from "../../graph/node.ts";
import { sizeOf } from "../../graph/shape.ts";
import { neg, sub } from "../elementwise.ts";
import { dot } from "../matmul.ts";
import { batchAll, concat, narrow } from "../movement.ts";
import { emitLoop } from "./loop.ts";
import {
  block,
  checkSystem,
  flatSizes,
  inOneMatrix,
  lower,
  transposed,
  upper,
} from "./matrices.ts";

/** Which triangle is meant, and how. */
export interface TriangularAttrs {
  /** Whether the upper triangle is read; else the lower one. */
  readonly upper: boolean;
  /** Whether the diagonal is taken as ones and not read. */
  readonly unit: boolean;
  /** Whether the triangle is used transposed. */
  readonly transpose: boolean;
}

/** Size up to which the steps of a graph without kernels are those of one loop. */
export const LOOP_SIZE = 64;

/**
 * X with T X = B (or T^T X = B) for a triangle T, by substitution. Nothing but the named triangle is
 * read. Inputs: T [..., n, n], B [..., n, k] with equal leading dimensions.
 */
export const triangularSolvePrim: Primitive<TriangularAttrs> = definePrimitive<TriangularAttrs>({
  name: "triangularSolve",
  infer([t, b]) {
    checkSystem("triangularSolve", t, b);
    return { shape: b.shape, dtype: b.dtype };
  },
  lower(c, [t, b], node) {
    const { upper, unit, transpose } = node.attrs;
    if (c.target.has("torchopt.TriangularSolve", node.dtype)) {
      return c.ops(`TriangularSolve${node.dtype === "float32" ? "F32" : "F64"}`, [t, b], {
        upper: attr.int(upper ? 1 : 0),
        unit: attr.int(unit ? 1 : 0),
        transpose: attr.int(transpose ? 1 : 0),
        shape: attr.ints(node.shape),
      }, { domain: "torchopt" })[0];
    }
    return emitSubstitution(c, [t, b], node);
  },
  vjp(g, node, needs) {
    const [t] = node.inputs, { upper: isUpper, unit, transpose } = node.attrs;
    const gb = triangularSolve(t, g, { ...node.attrs, transpose: !transpose });
    if (!needs[0]) return [null, needs[1] ? gb : null];
    const full = neg(transpose ? dot(node, gb, false, true) : dot(gb, node, false, true));
    const kept = isUpper ? upper(full, unit ? 1 : 0) : lower(full, unit ? -1 : 0);
    return [kept, needs[1] ? gb : null];
  },
  batch(node, [t, b], batched, size) {
    if (!batched[0] && node.shape.length === 2) {
      return inOneMatrix(b, (columns) => triangularSolve(t, columns, node.attrs));
    }
    const [all, sides] = batchAll([t, b], batched, size);
    return triangularSolve(all, sides, node.attrs);
  },
  simplify: (node) => sizeOf(node.shape) === 0 ? node.inputs[1] : node,
  decompose: (node, target) =>
    hasKernels(target) || node.shape[node.shape.length - 2] <= LOOP_SIZE ? null : inHalves(node),
});

/** A large system as two small ones and a product, for graphs without kernels. */
function inHalves(node: Node<TriangularAttrs>): Node {
  const [t, b] = node.inputs, { attrs } = node, n = t.shape[t.shape.length - 1];
  const m = Math.floor(n / 2), axis = b.shape.length - 2;
  const [b1, b2] = [narrow(b, axis, 0, m), narrow(b, axis, m, n - m)];
  const t1 = block(t, 0, m, 0, m), t2 = block(t, m, n - m, m, n - m);
  const between = attrs.upper ? block(t, 0, m, m, n - m) : block(t, m, n - m, 0, m);
  if (attrs.upper !== attrs.transpose) {
    const x2 = triangularSolve(t2, b2, attrs);
    const x1 = triangularSolve(t1, sub(b1, dot(between, x2, attrs.transpose)), attrs);
    return concat([x1, x2], axis);
  }
  const x1 = triangularSolve(t1, b1, attrs);
  const x2 = triangularSolve(t2, sub(b2, dot(between, x1, attrs.transpose)), attrs);
  return concat([x1, x2], axis);
}

/** Substitution as a loop: each iteration settles one row of X and clears it from the others. */
function emitSubstitution(
  c: LowerContext,
  inputs: readonly string[],
  node: Node<TriangularAttrs>,
): string {
  const { upper, unit, transpose } = node.attrs, { dtype } = node;
  const [b, n, k] = flatSizes(node.shape), backward = upper !== transpose;
  let t = c.op("Reshape", [inputs[0], c.ints([b, n, n])]);
  if (transpose) t = c.op("Transpose", [t], { perm: attr.ints([0, 2, 1]) });
  const x = c.op("Reshape", [inputs[1], c.ints([b, n, k])]);
  const rows = c.constant("int64", [1, n, 1], Array.from({ length: n }, (_, i) => i));
  const axis = (i: number) => ({ axis: attr.int(i) });
  const [result] = emitLoop(c, n, [{ name: x, dtype, shape: [b, n, k] }], (turn, [state]) => {
    const i = backward ? c.op("Sub", [c.scalar("int64", n - 1), turn]) : turn;
    const at = c.op("Reshape", [i, c.ints([1])]);
    const column = c.op("Gather", [t, at], axis(2));
    const own = c.op("Gather", [state, at], axis(1));
    const settled = unit ? own : c.op("Div", [own, c.op("Gather", [column, at], axis(1))]);
    const cleared = c.op("Sub", [state, c.op("Mul", [column, settled])]);
    const open = c.op(backward ? "Less" : "Greater", [rows, at]);
    const rest = c.op("Where", [open, cleared, state]);
    return { states: [c.op("Where", [c.op("Equal", [rows, at]), settled, rest])] };
  });
  return c.op("Reshape", [result, c.ints(node.shape)]);
}

/** X with T X = B, T the triangle that the attributes name; leading dimensions are equal. */
export function triangularSolve(t: Node, b: Node, attrs: TriangularAttrs): Node {
  return apply(triangularSolvePrim, [t, b], attrs);
}

/** X with X T = B, T the triangle that the attributes name. */
export function triangularSolveRight(t: Node, b: Node, attrs: TriangularAttrs): Node {
  const flipped = { ...attrs, transpose: !attrs.transpose };
  return transposed(triangularSolve(t, transposed(b), flipped));
}

/** Whether kernels for linear algebra serve a target. */
export function hasKernels(target: Target): boolean {
  return target.has("torchopt.TriangularSolve", "float32");
}
