/**
 * Computing several tensors in one run.
 *
 * @module
 */

import { realizeNodes, realizeNodesAsync } from "../run/execute.ts";
import type { Node } from "../graph/node.ts";
import { type PyTree, treeLeaves } from "../pytree/mod.ts";
import { TensorCore } from "./core.ts";
import { checkTensor } from "./promotion.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Computes tensors that have no value yet, all in one run. Reading one of them computes only that
 * one, so several results of one graph are cheaper together.
 *
 * @param tensors any number of tensors, or trees of them: `realize(a, b)`, `realize([a, b])`, or a state
 *
 * @example
 * ```ts
 * import { realize, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([1, 2, 3]);
 * const sum = x.sum(), mean = x.mean();
 * realize(sum, mean);
 * assertEquals([sum.item(), mean.item()], [6, 2]);
 * ```
 */
export function realize(...tensors: PyTree<Tensor>[]): void {
  realizeNodes(nodesOf("realize", tensors));
}

/**
 * Like `realize`, but the run does not block the event loop.
 *
 * @example
 * ```ts
 * import { realizeAsync, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const y = tensor([1, 2]).mul(2);
 * await realizeAsync(y);
 * assertEquals(y.toArray(), [2, 4]);
 * ```
 */
export async function realizeAsync(...tensors: PyTree<Tensor>[]): Promise<void> {
  await realizeNodesAsync(nodesOf("realizeAsync", tensors));
}

/** The nodes of all tensors; what else there is in a tree needs no computing. */
function nodesOf(op: string, trees: readonly unknown[]): Node[] {
  return trees.flatMap((tree, i) => {
    const leaves = treeLeaves(tree as PyTree<unknown>);
    if (leaves.length === 1 && leaves[0] === tree) checkTensor(op, `argument ${i}`, tree);
    return leaves.flatMap((leaf) => leaf instanceof TensorCore ? [leaf.node] : []);
  });
}
