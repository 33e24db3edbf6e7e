/**
 * The history of tensors: cutting them off from it, and keeping it short.
 *
 * @module
 */

import { isDeep } from "../graph/depth.ts";
import type { Node } from "../graph/node.ts";
import { realizeNodes } from "../run/execute.ts";
import { leafOf } from "./leaf.ts";
import type { Tensor } from "./tensor.ts";
import { currentTrace } from "./trace.ts";

/** Makes tensors leaves, in place; those that required a gradient still do. */
export function detachAll(tensors: readonly Tensor[]): void {
  for (const tensor of tensors) {
    const { node } = tensor;
    if (tensor.isLeaf) continue;
    const leaf = leafOf(node, { grad: null });
    // A run that passes by stores the leaf instead, which lets go of everything before it.
    if (leaf.storage === null && currentTrace() === null) {
      leaf.keep = true;
      node.keep = false;
    }
    tensor.adopt(leaf);
  }
}

/**
 * Computes tensors that have a long uncomputed history, in one run, so that a loop whose values are
 * never read neither keeps all of it nor becomes one endless graph.
 */
export function computeDeep(tensors: readonly Tensor[], limit: number): void {
  if (currentTrace() !== null) return;
  const waiting: Node[] = [];
  for (const { rawNode } of tensors) {
    if (rawNode.storage !== null) continue;
    waiting.push(rawNode);
  }
  if (waiting.some((node) => isDeep(node, limit))) realizeNodes(waiting);
}
