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

/** Roots of `backward()` that are remembered (several, since gradients accumulate over batches). */
const ROOTS = 64;

/** Updates beyond this number are computed at once, so that a loop without steps stays flat. */
const UPDATES = 4096;

let roots: Tensor[] = [];
let updated: { handle: Tensor; before: Node }[] = [];

let latest: readonly Tensor[] = [];

/** Remembers roots of `backward()` until the next step; the oldest are forgotten. */
export function holdRoots(tensors: readonly Tensor[]): void {
  if (currentTrace() !== null) return;
  roots.push(...tensors);
  if (roots.length > ROOTS) roots = roots.slice(-ROOTS);
}

/** Remembers the scalars that `autograd.grad` was called on last. */
export function holdLatest(tensors: readonly Tensor[]): void {
  if (currentTrace() === null) latest = tensors;
}

/**
 * Remembers that `handle` was rebound from `before`, whose memory the new value may take at the next
 * `commit()`.
 */
export function holdUpdate(handle: Tensor, before: Node): void {
  if (currentTrace() !== null) return;
  updated.push({ handle, before });
  if (updated.length > UPDATES) commit();
}

/** Computes everything that waits, in one run. Inside a trace this does nothing. */
export function commit(): void {
  if (currentTrace() !== null) return;
  const targets: Node[] = [], former: Node[] = [];
  for (const { handle, before } of updated) {
    const node = handle.rawNode;
    if (node.storage !== null) continue;
    targets.push(node);
    former.push(before);
  }
  const extra: Node[] = [];
  for (const { rawNode } of [...roots, ...latest]) {
    if (rawNode.storage === null) extra.push(rawNode);
  }
  roots = [];
  latest = [];
  updated = [];
  if (targets.length === 0) return;
  try {
    realizeNodes([...targets, ...extra], former);
  } catch (error) {
    // A root that cannot be computed any more must not stop the step; reading it will say why.
    if (extra.length === 0) throw error;
    realizeNodes(targets, former);
  }
}
