/**
 * What `backward()` leaves for later: roots that an optimizer step computes in the same run (so that
 * reading the loss after the step costs nothing and needs no stale parameter), and graphs that were
 * used up.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { realizeNodes } from "../graph/realize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";

/** Roots beyond this number are computed at once, so that a loop without steps stays flat. */
const LIMIT = 64;

let held: Tensor[] = [];

/** Remembers roots of `backward()` until the next step. */
export function holdForStep(roots: readonly Tensor[]): void {
  if (currentTrace() !== null) return;
  held = held.filter((t) => t.rawNode.storage === null);
  held.push(...roots);
  if (held.length > LIMIT) realizeNodes(takeHeld());
}

/** The remembered roots without a value; they are forgotten. */
export function takeHeld(): Node[] {
  const nodes = held.map((t) => t.rawNode).filter((n) => n.storage === null);
  held = [];
  return nodes;
}

const used = new WeakSet<Node>();

/** Marks the graph below a root as used up. */
export function forgetGraph(node: Node): void {
  used.add(node);
}

/** Whether `backward()` used up this root. */
export function isForgotten(node: Node): boolean {
  return used.has(node);
}
