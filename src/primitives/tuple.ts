/**
 * Access to one result of a primitive with several.
 *
 * @module
 */

import { type Interned, interned } from "../graph/intern.ts";
import { applyShared, definePrimitive, type Node, type Primitive } from "../graph/node.ts";

/** Result number `index` of its operand. Differentiation treats it as part of the operand. */
export const projectPrim: Primitive<{ index: number }> = definePrimitive<{ index: number }>({
  name: "project",
  infer: ([x], { index }) => x.outs![index],
  lower: () => {
    throw new Error("internal: a projection is emitted with its operand");
  },
  vjp: () => {
    throw new Error("internal: a projection is differentiated with its operand");
  },
  batch: "batching finds it among the results of its operand",
  // A custom derivative matters no more once the graph is lowered.
  simplify: (node) =>
    node.inputs[0].prim.name === "custom" ? node.inputs[0].inputs[node.attrs.index] : node,
});

const indices: Interned<{ index: number }>[] = [];

/** Result number `index` of a node with several results. */
export function project(node: Node, index: number): Node {
  while (indices.length <= index) indices.push(interned({ index: indices.length }));
  return applyShared(projectPrim, [node], indices[index]);
}
