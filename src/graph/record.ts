/**
 * What differentiation needs of a value's operands once the value is known. Where parameters are made
 * from parameters again and again (`params = applyUpdates(params, updates, { inplace: false })`), their
 * history is a chain of additions: it leads gradients to the first ones, and needs none of the memory
 * of those between.
 *
 * @module
 */

import { isLeafNode, placeholderNode } from "./leaf.ts";
import { Node } from "./node.ts";

const none: readonly Node[] = [];

/** Uncomputed operations one above the other whose operands are let go of as well. */
const DEEPEST = 32;

/**
 * The operands of a node whose value is known, as far as derivatives need them: none where no gradient
 * passes, those whose values its rule reads, and for the others what only stands for them.
 */
export function recordedOperands(node: Node): readonly Node[] {
  let recorded = false;
  for (const x of node.inputs) if (x.requiresGrad) recorded = true;
  if (!recorded) return none;
  return node.customVjp === null ? withoutValues(node, DEEPEST) : node.inputs;
}

function withoutValues(node: Node, deepest: number): readonly Node[] {
  const { reads } = node.prim;
  if (reads === undefined) return node.inputs;
  return node.inputs.map((x, i) => {
    if (reads(node, i)) return x;
    if (x.requiresGrad) return shadowOf(x, deepest);
    return x.storage === null && x.inputs.length === 0 ? x : placeholderNode(x);
  });
}

/** What stands for a node in derivatives: with its history, without its value. */
function shadowOf(x: Node, deepest: number): Node {
  if (x.shadow !== null) return x.shadow;
  const { prim, inputs, attrs, attrKey, shape, dtype } = x;
  if (
    prim.reads === undefined || deepest === 0 || x.outs !== null || x.customVjp !== null ||
    isLeafNode(x)
  ) return x;
  const operands = x.storage === null ? withoutValues(x, deepest - 1) : inputs;
  const shadow = new Node(prim, operands, attrs, attrKey, shape, dtype, null, true, x.depth);
  Object.assign(shadow, { made: x.made });
  shadow.box = x.box;
  shadow.hooks = x.hooks;
  return x.shadow = shadow;
}

/** The one node that stands for a value and for its shadow. */
export function recordOf(x: Node): Node {
  return x.shadow ?? x;
}
