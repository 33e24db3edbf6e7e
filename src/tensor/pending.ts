/**
 * What waits for the next optimizer step: roots of `backward()` and states that were updated in
 * place. The step computes them in the same run as the parameters, so that a training iteration is
 * one graph, reading the loss after the step costs nothing, and memory is overwritten where that is
 * safe.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { realizeNodes } from "../graph/realize.ts";
import type { Tensor } from "./tensor.ts";
import { currentTrace } from "./trace.ts";

/** Values beyond this number are computed at once, so that a loop without steps stays flat. */
const LIMIT = 1024;

let roots: Tensor[] = [];
let updated: { handle: Tensor; before: Node }[] = [];

/** Remembers roots of `backward()` until the next step. */
export function holdRoots(tensors: readonly Tensor[]): void {
  if (currentTrace() !== null) return;
  roots = roots.filter((t) => t.rawNode.storage === null);
  roots.push(...tensors);
  if (roots.length > LIMIT) commit();
}

/**
 * Remembers that `handle` was rebound from `before`, whose memory the new value may take at the next
 * `commit()`.
 */
export function holdUpdate(handle: Tensor, before: Node): void {
  if (currentTrace() !== null) return;
  updated.push({ handle, before });
  if (updated.length > 4 * LIMIT) commit();
}

/** Computes everything that waits, in one run. Inside a trace this does nothing. */
export function commit(): void {
  if (currentTrace() !== null) return;
  const targets: Node[] = [], overwrite = new Map<Node, Node>();
  for (const { handle, before } of updated) {
    const node = handle.rawNode;
    if (node.storage !== null) continue;
    targets.push(node);
    if (before.storage !== null) overwrite.set(node, before);
  }
  for (const t of roots) if (t.rawNode.storage === null) targets.push(t.rawNode);
  roots = [];
  updated = [];
  realizeNodes(targets, overwrite);
}

const used = new WeakSet<Node>();

/** Marks the graph below a root as used up by `backward()`. */
export function forgetGraph(node: Node): void {
  used.add(node);
}

/** Whether `backward()` used up this root. */
export function isForgotten(node: Node): boolean {
  return used.has(node);
}
