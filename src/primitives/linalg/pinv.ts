/**
 * The pseudo-inverse (Golub & Pereyra, The differentiation of pseudo-inverses, 1973).
 *
 * @module
 */

import { apply, definePrimitive, type Node, type Primitive } from "../../graph/node.ts";
import { sizeOf } from "../../graph/shape.ts";
import { add, le, mul, neg, num, reciprocal, sub, where } from "../elementwise.ts";
import { dot } from "../matmul.ts";
import { expand, narrow } from "../movement.ts";
import { svd } from "./spectral.ts";
import { batchLeading, checkMatrices, columnOf } from "./matrices.ts";

/** Static arguments of `pinv`. */
export interface PinvAttrs {
  /** Singular values up to this part of the largest one count as zero. */
  readonly rtol: number;
}

/**
 * Pseudo-inverse P of A, from singular values. The derivative is that at constant rank. Input:
 * A [..., m, n]; result [..., n, m].
 */
export const pinvPrim: Primitive<PinvAttrs> = definePrimitive<PinvAttrs>({
  name: "pinv",
  infer([a]) {
    checkMatrices("pinv", a);
    const [m, n] = a.shape.slice(-2);
    return { shape: [...a.shape.slice(0, -2), n, m], dtype: a.dtype };
  },
  lower: () => {
    throw new Error("internal: pinv is lowered as svd");
  },
  vjp(g, node) {
    const [a] = node.inputs;
    // With dP = -P dA P + (I - P A) dA^T P^T P + P P^T dA^T (I - A P).
    const inside = neg(dot(dot(node, g, true, false), node, false, true));
    const right = dot(dot(node, node, true, false), g, false, true);
    const left = dot(g, dot(node, node, false, true), true, false);
    const outside = add(sub(right, dot(dot(right, node), a)), sub(left, dot(a, dot(node, left))));
    return [add(inside, outside)];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  decompose({ inputs: [a], attrs: { rtol }, shape }) {
    if (sizeOf(shape) === 0) return expand(num(0, a), shape);
    const [u, s, vh] = svd(a);
    return dot(mul(columnOf(inverted(s, rtol)), vh), u, true, true);
  },
});

/** Reciprocals of singular values, 0 for those that count as zero. */
export function inverted(s: Node, rtol: number): Node {
  const largest = narrow(s, s.shape.length - 1, 0, 1);
  const zero = le(s, mul(num(rtol, s), largest));
  return where(zero, num(0, s), reciprocal(where(zero, num(1, s), s)));
}

/** Pseudo-inverses of [..., m, n] matrices. */
export function pinv(a: Node, rtol: number): Node {
  return apply(pinvPrim, [a], { rtol });
}
