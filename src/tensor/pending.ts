/**
 * What waits for the next update in place: roots and gradients of `backward()`, states that were
 * updated, and copies. An optimizer step computes them in the same run as the parameters, so that a
 * training iteration is one graph, and reading the loss after the step costs nothing.
 *
 * @module
 */

import { constantValue } from "../graph/leaf.ts";
import { type GradBox, type Node, noteUpdate } from "../graph/node.ts";
import { BackendError } from "../graph/errors.ts";
import { isLost, LostValue } from "../lower/walk.ts";
import { isLarge, realizeNodes } from "../run/execute.ts";
import { isRunFailure } from "../run/failure.ts";
import { showShape, sizeOf } from "../graph/shape.ts";
import { forgetKnown, noteGradients, takeHanded, takeLate, takeRecent } from "./late.ts";
import type { Tensor } from "./tensor.ts";
import { currentTrace } from "./trace.ts";

/** Roots of `backward()` that are remembered (several, since gradients accumulate over batches). */
const ROOTS = 64;

/** Calls of `backward()` whose gradients are remembered. */
const SWEEPS = 16;

/** Updates beyond this number are computed at once, so that a loop without steps stays flat. */
const UPDATES = 4096;

/** Copies that are remembered, and their elements; when there are more, they are computed. */
const COPIES = 64, COPIED = 1 << 19;

/** A tensor that was rebound, what it stood for, and whether that memory may be taken. */
interface Update {
  readonly handle: Tensor;
  readonly before: Node;
  readonly overwrite: boolean;
}

let roots: Tensor[] = [];
let latest: readonly Tensor[] = [];
let sweeps: (readonly GradBox[])[] = [];
let updated: Update[] = [];
const copies = new Set<Pick<Tensor, "rawNode">>();
let copied = 0;

/** Remembers roots of `backward()`, and where it left gradients; the oldest are forgotten. */
export function holdSweep(tensors: readonly Tensor[], boxes: readonly GradBox[]): void {
  if (currentTrace() !== null) return;
  if (roots.length > 0) roots = roots.filter((root) => root.rawNode.storage === null);
  forgetKnown();
  for (const tensor of tensors) roots.push(tensor);
  if (roots.length > ROOTS) roots = roots.slice(-ROOTS);
  sweeps.push(boxes);
  if (sweeps.length > SWEEPS) sweeps.shift();
}

/** Remembers the scalars that `autograd.grad` was called on last. */
export function holdLatest(tensors: readonly Tensor[]): void {
  if (currentTrace() === null) latest = tensors;
}

/**
 * Remembers that `handle` was rebound from `before`: its value is computed at the next `commitStep()`, and
 * replaces that of `before` in memory where `overwrite` is given.
 */
export function holdUpdate(handle: Tensor, before: Node, overwrite = true): void {
  if (currentTrace() !== null) return;
  updated.push({ handle, before, overwrite });
  if (updated.length > UPDATES) commitStep();
}

/**
 * Remembers a copy, or a tensor that an in-place method changed: it is computed before memory that it
 * needs is overwritten.
 */
export function holdCopy(handle: Pick<Tensor, "rawNode">): void {
  if (currentTrace() !== null || handle.rawNode.storage !== null) return;
  if (copies.has(handle)) return;
  copies.add(handle);
  copied += sizeOf(handle.rawNode.shape);
  if (copies.size <= COPIES && copied <= COPIED) return;
  const nodes = waitingCopies();
  copied = nodes.reduce((n, node) => n + sizeOf(node.shape), 0);
  if (copies.size <= COPIES && copied <= COPIED) return;
  compute(nodes);
  forgetCopies();
}

function forgetCopies(): void {
  copies.clear();
  copied = 0;
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

/**
 * What the run of an update should compute as well: it would take a run of its own afterwards, or
 * could not be computed any more. `stepped` are the holders of gradients of what is updated, and
 * `large` tells whether memory is taken that holds the value before the present one.
 */
function takeWaiting(stepped: ReadonlySet<GradBox | null>, large: boolean): Node[] {
  const nodes = waitingCopies();
  for (const tensor of roots) nodes.push(tensor.rawNode);
  for (const tensor of latest) nodes.push(tensor.rawNode);
  const boxes = sweeps.length === 1 ? sweeps[0] : [...new Set(sweeps.flat())];
  const grads = new Set<Tensor>();
  for (const box of boxes) {
    const grad = box.grad as Tensor | null;
    if (grad === null) continue;
    grads.add(grad);
    if (stepped.has(box) && box.kept !== true) continue;
    if (constantValue(grad.rawNode) === null) nodes.push(grad.rawNode);
  }
  const handed = takeHanded(boxes);
  if (boxes.length > 0) noteGradients(boxes);
  for (const list of [handed, takeLate(), takeRecent(large, grads)]) {
    for (const node of list) nodes.push(node);
  }
  roots = [];
  latest = [];
  sweeps = [];
  forgetCopies();
  return nodes.filter((node) => node.storage === null);
}

/** Computes what can be computed; reading the rest will say why not. */
function compute(nodes: readonly Node[]): void {
  if (tryToRealize(nodes)) return;
  for (const node of nodes) tryToRealize([node]);
}

/** Whether nodes could be computed, with one replacing each of `former`. */
function tryToRealize(nodes: readonly Node[], former: readonly (Node | null)[] = []): boolean {
  try {
    realizeNodes(nodes, former);
    return true;
  } catch (error) {
    if (isRunFailure(error)) return false;
    throw error;
  }
}

const noBoxes: ReadonlySet<GradBox> = new Set();

/** Computes what a compiled function's update of tensors could take the memory of. */
export function computeWaiting(large: boolean): void {
  compute(takeWaiting(noBoxes, large));
}

/** Whether an update goes beside the present value, over the one before that. */
function goesBeside({ storage }: Node): boolean {
  return storage !== null && storage.shared && isLarge(storage);
}

/** Tensors of a step whose new values need what is lost. */
export class LostUpdates extends BackendError {
  /** The tensors. */
  readonly handles: readonly Tensor[];

  /** Names the first of them. */
  constructor(handles: readonly Tensor[], cause: Error) {
    const [{ shape, dtype }] = handles;
    super(
      `update: the new value of a ${dtype} tensor of shape ${
        showShape(shape)
      } cannot be computed, ` +
        `so nothing was changed. ${cause.message}`,
      { cause },
    );
    this.handles = handles;
  }
}

/**
 * Ends a step: computes all updates and what else waits, in one run. Inside a trace this does nothing.
 *
 * @throws {LostUpdates} where an update needs what is lost; after this and any other error, what was to
 * be updated is as before
 */
export function commitStep(): void {
  if (currentTrace() !== null) return;
  const updates = updated.filter(({ handle }) => handle.rawNode.storage === null);
  updated = [];
  if (updates.length === 0) return;
  const targets = updates.map(({ handle }) => handle.rawNode);
  const former = updates.map(({ before, overwrite }) => overwrite ? before : null);
  const stepped = new Set(targets.map((node) => node.box));
  const waiting = takeWaiting(stepped, former.some((node) => node !== null && goesBeside(node)));
  try {
    if (!tryToRealize([...targets, ...waiting], former)) {
      // What cannot be computed must not stop the step.
      compute(waiting);
      realizeNodes(targets, former);
    }
  } catch (error) {
    for (const { handle, before } of updates.toReversed()) handle.setNode(before);
    if (!(error instanceof LostValue)) throw error;
    throw new LostUpdates(
      updates.filter((_, i) => isLost(targets[i])).map(({ handle }) => handle),
      error,
    );
  }
  noteUpdate();
}
