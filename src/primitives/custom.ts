/**
 * Values with a derivative that the user gives.
 *
 * @module
 */

import { apply, type Attrs, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { project } from "./tuple.ts";

/**
 * The first `count` operands, with a derivative of their own with respect to the others: the rule
 * stands on the node (`Node.customVjp`). It leaves no trace in the lowered graph.
 */
export const customPrim: Primitive<{ count: number }> = definePrimitive<{ count: number }>({
  name: "custom",
  infer: (inputs, { count }) =>
    inputs.slice(0, count).map(({ shape, dtype }) => ({ shape, dtype })),
  lower: (_c, inputs, node) => inputs.slice(0, node.attrs.count),
  vjp: () => {
    throw new Error("internal: the rule stands on the node");
  },
  batch: "batching treats value and rule together",
});

/** `outputs` with `rule` as their derivative with respect to `inputs`. */
export function custom(
  outputs: readonly Node[],
  inputs: readonly Node[],
  rule: (g: (Node | null)[]) => (Node | null)[],
): Node[] {
  if (outputs.length === 0) return [];
  const node: Node<Attrs> = apply(customPrim, [...outputs, ...inputs], { count: outputs.length });
  node.customVjp = (g) => [...outputs.map(() => null), ...rule(g)];
  return outputs.map((_, i) => project(node, i));
}
