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
/** A new value of a handle, the memory that it may take, and the value that it goes back to. */
interface Update {
  readonly handle: Tensor;
  readonly memory: Node;
  readonly before: Node;
}

let updated: Update[] = [];

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
 * Remembers that `handle` has a new value, which may take the memory of `memory` at the next
 * `commit()`. Where that fails, the handle goes back to `before`.
 */
export function holdUpdate(handle: Tensor, memory: Node, before: Node = memory): void {
  if (currentTrace() !== null) return;
  updated.push({ handle, memory, before });
  if (updated.length > UPDATES) commit();
}

/**
 * Computes everything that waits, in one run. Where that fails, the updates are taken back. Inside a
 * trace this does nothing.
 */
export function commit(): void {
  if (currentTrace() !== null) return;
  const waiting: Update[] = [], targets: Node[] = [], former: Node[] = [];
  for (const update of updated) {
    const node = update.handle.rawNode;
    if (node.storage !== null) continue;
    waiting.push(update);
    targets.push(node);
    former.push(update.memory);
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
    try {
      realizeNodes([...targets, ...extra], former);
    } catch (error) {
      // A root that cannot be computed any more must not stop the step; reading it will say why.
      if (extra.length === 0) throw error;
      realizeNodes(targets, former);
    }
  } catch (error) {
    // The earliest value comes last, where a handle was updated more than once.
    for (const { handle, before } of waiting.reverse()) handle.rawNode = before;
    throw error;
  }
}
