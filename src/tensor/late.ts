/**
 * Values that are used after an update in place that came behind them: a gradient's norm that is
 * logged after the step, a hidden state that the next iteration goes on from, a list of metrics that
 * is read at the end.
 *
 * An update leaves the memory of the present value as it is, so that what was built from it can still
 * be computed; but computing it then takes a run of its own, and large memory is taken by the update
 * after that. What is likely to be used late is computed with the update, in the same run: small
 * values, where memory is large or once something was used late, and whatever was used late before.
 *
 * @module
 */

import { constantValue } from "../graph/leaf.ts";
import { type GradBox, isBeforeUpdate, isObserving, type Node } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";

/** What stands for a node. */
interface Handle {
  readonly rawNode: Node;
}

/** Elements up to which a value is small. */
const SMALL = 1024;

/** Scalars of this era that the next update computes: a norm of each layer, say. */
const SCALARS = 64;

/** Other small values of this era that the next update computes. */
const RECENT = 16;

/** Late values that are remembered until the next update. */
const LATE = 64;

/** The latest few of some handles. */
class Latest {
  readonly #handles: (Handle | undefined)[];
  #at = 0;
  /** Places behind the latest that may hold one. */
  #filled = 0;

  constructor(size: number) {
    this.#handles = new Array<undefined>(size).fill(undefined);
  }

  /** Adds one; the oldest makes room. */
  add(handle: Handle): void {
    const size = this.#handles.length;
    this.#handles[this.#at] = handle;
    if (++this.#at === size) this.#at = 0;
    if (this.#filled < size) this.#filled++;
    // What they were computed from should not be held for long.
    if (this.#at % RECENT === 0) this.prune();
  }

  /** Takes the latest back, if it stands for that node. */
  drop(node: Node): void {
    const last = this.#place(1);
    if (this.#handles[last]?.rawNode !== node) return;
    this.#handles[last] = undefined;
    this.#at = last;
    this.#filled--;
  }

  /** Forgets those that have a value. */
  prune(): void {
    for (let back = 1; back <= this.#filled; back++) {
      const at = this.#place(back), handle = this.#handles[at];
      if (handle !== undefined && handle.rawNode.storage !== null) this.#handles[at] = undefined;
    }
  }

  /** Takes all away, the latest first; adds to `nodes` what they stand for where it is given. */
  take(nodes: Node[] | null): void {
    for (let back = 1; back <= this.#filled; back++) {
      const at = this.#place(back), handle = this.#handles[at];
      if (handle === undefined) continue;
      this.#handles[at] = undefined;
      if (nodes !== null) nodes.push(handle.rawNode);
    }
    this.#filled = 0;
  }

  #place(back: number): number {
    const at = this.#at - back;
    return at < 0 ? at + this.#handles.length : at;
  }
}

// A metric is a scalar most of the time.
const scalars = new Latest(SCALARS), others = new Latest(RECENT);
let latecomers = false;
let boxes: readonly GradBox[] = [];
const late = new Set<Node>();

/** Whether a value has no memory and is from before an update. */
export function isLate(node: Node): boolean {
  return node.storage === null && isBeforeUpdate(node) && node.inputs.length > 0;
}

/** Notes that a late value is used: the next update computes it. */
export function noteLate(node: Node): void {
  if (late.has(node) || constantValue(node) !== null) return;
  late.add(node);
  if (late.size > LATE) late.delete(late.values().next().value!);
  const box = boxes.find((b) => (b.grad as Handle | null)?.rawNode === node);
  if (box === undefined) latecomers = true;
  else box.kept = true;
}

/** Remembers the gradients that the update under way leaves behind. */
export function noteGradients(left: readonly GradBox[]): void {
  boxes = left;
}

/**
 * Notes that a gradient was read: whoever holds it may need its value after many updates, and after
 * another gradient took its place.
 */
export function noteHanded(box: GradBox, grad: Handle): void {
  if (grad.rawNode.storage === null && isObserving()) box.handed = grad;
}

/** Adds the gradients that were read, of those holders and of those that the last update left behind. */
export function takeHanded(swept: readonly GradBox[], nodes: Node[]): void {
  for (const box of swept) takeHandedOf(box, nodes);
  for (const box of boxes) takeHandedOf(box, nodes);
}

function takeHandedOf(box: GradBox, nodes: Node[]): void {
  if (box.handed === undefined) return;
  const node = (box.handed as Handle).rawNode;
  if (node.storage === null && constantValue(node) === null) nodes.push(node);
  box.handed = undefined;
}

/** Remembers a tensor without a value; those made before the latest few are forgotten. */
export function remember(tensor: Handle, { shape }: Node): void {
  if (!isObserving()) return;
  const size = sizeOf(shape);
  if (size === 1) scalars.add(tensor);
  else if (size <= SMALL) others.add(tensor);
}

/** Forgets tensors that have values: what they were computed from should not be held. */
export function forgetKnown(): void {
  scalars.prune();
  others.prune();
}

/** Forgets the tensor that was made last, since its value has become that of another one. */
export function forgetLast(node: Node): void {
  if (sizeOf(node.shape) === 1) scalars.drop(node);
  else others.drop(node);
}

/** Adds the late values that were used since the last call. */
export function takeLate(nodes: Node[]): void {
  if (late.size === 0) return;
  for (const node of late) if (node.storage === null) nodes.push(node);
  late.clear();
}

/**
 * Adds the small values that were made last, scalars before others, but for those with the mark
 * `known`; none unless something was used late or `large` says so.
 */
export function takeRecent(large: boolean, known: number, nodes: Node[]): void {
  const recent = large || latecomers ? [] as Node[] : null;
  scalars.take(recent);
  others.take(recent);
  if (recent === null) return;
  for (const node of recent) {
    if (node.mark !== known && node.storage === null && constantValue(node) === null) {
      nodes.push(node);
    }
  }
}
