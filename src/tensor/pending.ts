/**
 * What waits for the next optimizer step: roots of `backward()`, states that were updated in place, and
 * copies. The step computes them in the same run as the parameters, so that a training iteration is
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

/** A tensor that was rebound, what it stood for, and whether that memory may be taken. */
interface Update {
  readonly handle: Tensor;
  readonly before: Node;
  readonly overwrite: boolean;
}

let roots: Tensor[] = [];
let updated: Update[] = [];

let latest: readonly Tensor[] = [];

/** Copies that are remembered; when there are more, they are computed. */
const COPIES = 64;

const copies = new Set<Pick<Tensor, "rawNode">>();

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
 * Remembers that `handle` was rebound from `before`: its value is computed at the next `commit()`, and
 * may take the memory of `before` where `overwrite` is given.
 */
export function holdUpdate(handle: Tensor, before: Node, overwrite = true): void {
  if (currentTrace() !== null) return;
  updated.push({ handle, before, overwrite });
  if (updated.length > UPDATES) commit();
}

/**
 * Remembers a copy, or a tensor that an in-place method changed: it is computed before memory that it
 * needs is overwritten.
 */
export function holdCopy(handle: Pick<Tensor, "rawNode">): void {
  if (currentTrace() !== null || handle.rawNode.storage !== null) return;
  copies.add(handle);
  if (copies.size > COPIES && waitingCopies().length > COPIES) computeCopies();
}

/** Copies without a value; the others are forgotten. */
function waitingCopies(): Node[] {
  const nodes: Node[] = [];
  for (const copy of copies) {
    if (copy.rawNode.storage === null) nodes.push(copy.rawNode);
    else copies.delete(copy);
  }
  return nodes;
}

/** Computes all copies, since memory will be overwritten. */
export function computeCopies(): void {
  const nodes = waitingCopies();
  copies.clear();
  try {
    realizeNodes(nodes);
  } catch {
    computeEach(nodes);
  }
}

/** Computes what can be computed; reading the rest will say why not. */
function computeEach(nodes: readonly Node[]): void {
  for (const node of nodes) {
    try {
      realizeNodes([node]);
    } catch {
      continue;
    }
  }
}

/**
 * Computes everything that waits, in one run. Inside a trace this does nothing. Where the run fails,
 * what was to be updated is as before.
 */
export function commit(): void {
  if (currentTrace() !== null) return;
  const updates: Update[] = [], targets: Node[] = [], former: (Node | null)[] = [];
  for (const update of updated) {
    const node = update.handle.rawNode;
    if (node.storage !== null) continue;
    updates.push(update);
    targets.push(node);
    former.push(update.overwrite ? update.before : null);
  }
  const extra: Node[] = [];
  for (const { rawNode } of [...roots, ...latest]) {
    if (rawNode.storage === null) extra.push(rawNode);
  }
  roots = [];
  latest = [];
  updated = [];
  if (targets.length === 0) return;
  const kept = waitingCopies();
  copies.clear();
  try {
    realizeNodes([...targets, ...extra, ...kept], former);
  } catch {
    // What cannot be computed any more must not stop the step.
    computeEach(kept);
    try {
      realizeNodes(targets, former);
    } catch (error) {
      for (const { handle, before } of updates.reverse()) handle.rawNode = before;
      throw error;
    }
  }
}
