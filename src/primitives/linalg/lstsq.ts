/**
 * Least squares (Golub & Pereyra, The differentiation of pseudo-inverses, 1973).
 *
 * @module
 */

import { apply, definePrimitive, type Node, type Primitive } from "../../graph/node.ts";
import { sizeOf } from "../../graph/shape.ts";
import { add, mul, sub } from "../elementwise.ts";
import { dot } from "../matmul.ts";
import { batchLeading, checkMatrices, columnOf, transposed, zeros } from "./matrices.ts";
import { inverted, type PinvAttrs } from "./pinv.ts";
import { svd } from "./spectral.ts";

/**
 * X of least length among those that make A X - B least, from singular values. The derivative is that at
 * constant rank. Inputs: A [..., m, n], B [..., m, k] with equal leading dimensions.
 */
export const lstsqPrim: Primitive<PinvAttrs> = definePrimitive<PinvAttrs>({
  name: "lstsq",
  infer([a, b]) {
    checkMatrices("lstsq", a);
    const n = a.shape[a.shape.length - 1], k = b.shape[b.shape.length - 1];
    return { shape: [...a.shape.slice(0, -2), n, k], dtype: a.dtype };
  },
  lower: () => {
    throw new Error("internal: lstsq is lowered as svd");
  },
  vjp(g, node, needs) {
    const [a, b] = node.inputs, { rtol } = node.attrs, at = transposed(a);
    const y = lstsq(at, g, rtol);
    if (!needs[0]) return [null, y];
    // dx = P (db - dA x) + (I - P A) dA^T P^T x + P P^T dA^T (b - A x), P the pseudo-inverse.
    const residual = sub(b, dot(a, node)), outside = sub(g, dot(at, y));
    const along = dot(y, node, false, true);
    const null1 = dot(lstsq(at, node, rtol), outside, false, true);
    const null2 = dot(residual, lstsq(a, y, rtol), false, true);
    return [sub(add(null1, null2), along), needs[1] ? y : null];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  decompose({ inputs: [a, b], attrs: { rtol }, shape }) {
    if (sizeOf(a.shape) === 0 || sizeOf(shape) === 0) return zeros(shape, a);
    const [u, s, vh] = svd(a);
    return dot(vh, mul(columnOf(inverted(s, rtol)), dot(u, b, true, false)), true, false);
  },
});

/** X of least length among those that make A X - B least; leading dimensions are equal. */
export function lstsq(a: Node, b: Node, rtol: number): Node {
  return apply(lstsqPrim, [a, b], { rtol });
}
