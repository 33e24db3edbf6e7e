/**
 * Ordering by a false dependency.
 *
 * @module
 */

import { apply, definePrimitive, type Node, type Primitive, type Target } from "../graph/node.ts";
import { type Attr, attr } from "../onnx/mod.ts";
import { ORDERING } from "../runtime/mod.ts";

/** Whether shapes are values that nodes can wait for; else values come in whatever order. */
function ordersByShapes(target: Target): boolean {
  return target.has("Shape", "float32");
}

/**
 * A vector of `rank` zeros that is not there before all operands are. Many barriers share one.
 */
export const tokenPrim: Primitive<{ rank: number }> = definePrimitive<{ rank: number }>({
  name: "token",
  infer: (_inputs, { rank }) => ({ shape: [rank], dtype: "int64" }),
  lower(c, inputs, { attrs: { rank }, inputs: [first] }) {
    if (!ordersByShapes(c.target)) return c.ints(new Array(rank).fill(0));
    const order = (op: string, from: string[], attributes: Record<string, Attr>) =>
      c.ops(op, from, attributes, { name: ORDERING })[0];
    const concat = (parts: string[]) =>
      parts.length === 1 ? parts[0] : order("Concat", parts, { axis: attr.int(0) });
    const known = first.prim === tokenPrim && first.shape[0] === 0;
    // No extents of a shape: a vector without elements that has to wait for its operand.
    const none = { start: attr.int(0), end: attr.int(0) };
    const empty = known && inputs.length === 1
      ? inputs[0]
      : concat(inputs.map((name) => order("Shape", [name], none)));
    return rank === 0 ? empty : concat([c.ints(new Array(rank).fill(0)), empty]);
  },
  vjp: "it holds no values",
  batch: (node, xs) => apply(tokenPrim, xs, node.attrs),
});

/**
 * The first operand, once the second, a token of its rank, is known. It is another value than its
 * operand to the simplifier, so that what is computed from it is not shared with what was computed
 * before: that is how a backward pass recomputes instead of keeping.
 */
export const barrierPrim: Primitive<null> = definePrimitive<null>({
  name: "barrier",
  infer: ([x]) => x,
  // A reshape costs nothing, but it has to wait for its shape. Zeros stand for the sizes as they are.
  lower: (c, inputs) =>
    ordersByShapes(c.target) ? c.op("Reshape", inputs) : c.op("Identity", [inputs[0]]),
  vjp: (g) => [g, null],
  batch: (_node, [x, token]) => waiting(x, token),
});

/** `x`, known to the graph as another value that is not there before all of `after` are. */
export function barrier(x: Node, ...after: Node[]): Node {
  return waiting(x, apply(tokenPrim, after, { rank: 0 }));
}

/** The same values, none of which is there before all are. */
export function optimizationBarrier(nodes: readonly Node[]): Node[] {
  if (nodes.length < 2) return [...nodes];
  const token = apply(tokenPrim, nodes, { rank: 0 });
  return nodes.map((node) => waiting(node, token));
}

function waiting(x: Node, token: Node): Node {
  const rank = x.shape.length;
  return apply(barrierPrim, [x, rank === 0 ? token : apply(tokenPrim, [token], { rank })], null);
}
