/**
 * Ordering by a false dependency.
 *
 * @module
 */

import { constantNode } from "../graph/leaf.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";

/**
 * The first operand, once the others are known. It is another value than its operand to the
 * simplifier, so that what is computed from it is not shared with what was computed before: that is
 * how a backward pass recomputes instead of keeping.
 */
export const barrierPrim: Primitive<null> = definePrimitive<null>({
  name: "barrier",
  infer: ([x]) => x,
  lower: (c, [x, ...others], node) => c.after(x, node.shape, others),
  vjp: (g, node) => node.inputs.map((_, i) => i === 0 ? g : null),
  batch: (_node, [x, ...after]) => barrier(x, ...after),
});

/** `x`, known to the graph as another value that is not there before all of `after` are. */
export function barrier(x: Node, ...after: Node[]): Node {
  return apply(barrierPrim, [x, ...after], null);
}

/** The same values, none of which is there before all are. */
export function together(nodes: readonly Node[]): Node[] {
  if (nodes.length < 2) return [...nodes];
  const all = barrier(constantNode(0, "int64"), ...nodes);
  return nodes.map((node) => barrier(node, all));
}
