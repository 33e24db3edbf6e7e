/**
 * Leaves: values at which gradients end.
 *
 * @module
 */

import { bufferNode, markLeaf } from "../graph/leaf.ts";
import type { GradBox, Node } from "../graph/node.ts";
import { alias, detach } from "../primitives/movement.ts";

/** A leaf that stands for the value of `node`; it records where a box is given, unless told otherwise. */
export function leafOf(
  node: Node,
  box: GradBox | null,
  requiresGrad = box !== null,
  hooks: Node["hooks"] = null,
): Node {
  let leaf: Node;
  if (node.storage !== null) {
    leaf = bufferNode(node.storage, node.shape);
    leaf.version = node.version;
  } else {
    leaf = alias(node.requiresGrad ? detach(node) : node);
    markLeaf(leaf);
  }
  leaf.requiresGrad = requiresGrad;
  leaf.box = box;
  leaf.hooks = hooks;
  if (box !== null) box.made ??= leaf.made;
  return leaf;
}

/** A leaf with another value in place of a leaf. */
export function leafLike({ box, requiresGrad, hooks }: Node, value: Node): Node {
  return leafOf(value, requiresGrad ? box ?? { grad: null } : box, requiresGrad, hooks);
}
