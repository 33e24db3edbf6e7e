/**
 * Computing several tensors in one run.
 *
 * @module
 */

import { realizeNodes, realizeNodesAsync } from "../graph/realize.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Computes tensors that have no value yet, all in one run. Reading one of them computes only that
 * one, so several results of one graph are cheaper together.
 *
 * @param tensors any number of tensors
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
export function realize(...tensors: Tensor[]): void {
  realizeNodes(tensors.map((t) => t.node));
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
export function realizeAsync(...tensors: Tensor[]): Promise<void> {
  return realizeNodesAsync(tensors.map((t) => t.node));
}
