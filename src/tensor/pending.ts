/**
 * What waits for the next update in place: roots and gradients of `backward()`, states that were
 * updated, and copies. An optimizer step computes them in the same run as the parameters, so that a
 * training iteration is one graph, and reading the loss after the step costs nothing.
 *
 * @module
 */

import { constantValue } from "../graph/leaf.ts";
import { type GradBox, nextEpoch, type Node, noteUpdate } from "../graph/node.ts";
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

const noBoxes: readonly GradBox[] = [];

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
  if (copies.size > 0) copies.clear();
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

/** Holders of the gradients that calls of `backward()` left, each once. */
function sweptBoxes(): readonly GradBox[] {
  if (sweeps.length === 0) return noBoxes;
  return sweeps.length === 1 ? sweeps[0] : [...new Set(sweeps.flat())];
}

/**
 * What the run of an update should compute as well: it would take a run of its own afterwards, or
 * could not be computed any more. `stepped` are the holders of gradients of what is updated, and
 * `large` tells whether memory is taken that holds the value before the present one.
 */
function takeWaiting(stepped: readonly GradBox[], large: boolean): Node[] {
  const nodes = waitingCopies(), boxes = sweptBoxes(), epoch = nextEpoch();
  for (const { rawNode } of roots) if (rawNode.storage === null) nodes.push(rawNode);
  for (const { rawNode } of latest) if (rawNode.storage === null) nodes.push(rawNode);
  const isStepped = setOf(stepped);
  for (const box of boxes) {
    const grad = box.grad as Tensor | null;
    if (grad === null) continue;
    const { rawNode } = grad;
    rawNode.mark = epoch;
    if (rawNode.storage !== null || (isStepped(box) && box.kept !== true)) continue;
    if (constantValue(rawNode) === null) nodes.push(rawNode);
  }
  takeHanded(boxes, nodes);
  if (boxes.length > 0) noteGradients(boxes);
  takeLate(nodes);
  takeRecent(large, epoch, nodes);
  if (roots.length > 0) roots = [];
  if (latest.length > 0) latest = [];
  if (sweeps.length > 0) sweeps = [];
  forgetCopies();
  return nodes;
}

/** Few are found faster one by one. */
const FEW = 8;

/** Tells whether a holder is one of some. */
function setOf(boxes: readonly GradBox[]): (box: GradBox) => boolean {
  if (boxes.length <= FEW) return (box) => boxes.includes(box);
  const set = new Set(boxes);
  return (box) => set.has(box);
}

/** Computes what can be computed; reading the rest will say why not. */
function compute(nodes: readonly Node[]): void {
  if (nodes.length === 0 || tryToRealize(nodes)) return;
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
  const updates: Update[] = [], targets: Node[] = [], former: (Node | null)[] = [];
  const stepped: GradBox[] = [];
  let large = false;
  for (const update of updated) {
    const { handle: { rawNode }, before, overwrite } = update;
    if (rawNode.storage !== null) continue;
    updates.push(update);
    targets.push(rawNode);
    former.push(overwrite ? before : null);
    if (overwrite && goesBeside(before)) large = true;
    if (rawNode.box !== null) stepped.push(rawNode.box);
  }
  updated = [];
  if (updates.length === 0) return;
  const waiting = takeWaiting(stepped, large);
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
