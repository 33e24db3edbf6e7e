/**
 * Computing the values of nodes: one graph, one run.
 *
 * @module
 */

import {
  BackendError,
  type Device,
  onlyHostInUse,
  sameDevice,
  type Storage,
} from "../runtime/mod.ts";
import { defaultDevice } from "../graph/defaults.ts";
import { deviceOf, knownDevice } from "../graph/device_of.ts";
import type { Executable } from "./executable.ts";
import { executableFor } from "./executable_cache.ts";
import { nextEpoch, type Node } from "../graph/node.ts";
import { neededElsewhere, noteComputed } from "./retain.ts";
import { movingSlices } from "./stored_slices.ts";
import { noteGraph } from "../graph/moving_slices.ts";
import { recordedOperands } from "../graph/record.ts";
import { checkFresh, walk } from "../lower/walk.ts";

/** Notes the value of a node, and drops operands that no derivative can ask for. */
export function settle(node: Node, storage: Storage): void {
  node.storage = storage;
  node.version = storage.version;
  storage.shared = node.shared;
  for (const x of node.inputs) x.uses--;
  if (node.inputs.length > 0) node.inputs = recordedOperands(node);
}

/**
 * The device of all inputs of a graph; where there are none, that which was noted for what is asked
 * for, or the default device. A number on the host may be used with tensors on any device, and is copied
 * there.
 */
export function commonDevice(leaves: readonly Node[], targets: readonly Node[] = []): Device {
  let found: Device | null = null, number: Device | null = null;
  for (const { storage, shape } of leaves) {
    const { device } = storage!;
    if (device === found) continue;
    if (shape.length === 0 && storage!.onHost) number = device;
    else if (found === null) found = device;
    else if (!sameDevice(device, found)) {
      throw new BackendError(
        `compute: the tensors of one computation are on ${found} and on ${device}; move them ` +
          `to one device with to("${found}").`,
      );
    }
  }
  if (found !== null || onlyHostInUse()) return found ?? number ?? defaultDevice();
  // What was made of numbers alone may have been asked for somewhere.
  for (const node of targets) {
    const noted = knownDevice(node);
    if (noted !== undefined) return noted;
  }
  return number ?? defaultDevice();
}

/**
 * Bytes up to which an update that cannot overwrite takes new memory each time, and the garbage
 * collector frees the old: values that were built from it can be read for as long as they are held.
 * New memory of 4 KiB costs as much as 5 us.
 */
const SMALL = 1024;

interface Prepared {
  readonly executable: Executable;
  readonly pending: Node[];
  /** For each pending node, memory that it replaces. */
  readonly replaced: (Storage | null)[];
  readonly leaves: Storage[];
  readonly numbers: number[];
}

function prepare(targets: readonly Node[], former: readonly (Node | null)[]): Prepared | null {
  let pending: Node[] = [], replaced: (Storage | null)[] = [];
  const epoch = nextEpoch();
  for (let i = 0; i < targets.length; i++) {
    const node = targets[i];
    if (node.storage !== null) checkFresh(node);
    else if (node.mark !== epoch) {
      node.mark = epoch;
      pending.push(node);
      replaced.push(former[i]?.storage ?? null);
    }
  }
  if (pending.length === 0) return null;
  let walked = walk(pending);
  for (let moved; (moved = movingSlices(walked.nodes)).length > 0; walked = walk(pending)) {
    for (const [node, storage] of moved) settle(node, storage);
    // What was asked for may be such a slice.
    replaced = replaced.filter((_, i) => pending[i].storage === null);
    pending = pending.filter((x) => x.storage === null);
    if (pending.length === 0) return null;
  }
  const more = walked.kept !== kept(pending) ? walked.nodes.filter((x) => x.keep) : [];
  if (noteComputed(walked.nodes) && former.length === 0) more.push(...neededElsewhere(walked));
  if (more.length > 0) {
    pending = [...new Set([...pending, ...more])];
    walked = walk(pending);
  }
  const leaves: Storage[] = [], numbers: number[] = [];
  for (const node of walked.leaves) leaves.push(node.storage!);
  for (const node of walked.scalars) numbers.push(node.attrs.value);
  const wishes: number[] = [];
  let wished = 0;
  for (let output = 0; output < replaced.length; output++) {
    const old = replaced[output];
    const leaf = old === null || old.shared ? -1 : walked.leafOf(old);
    wishes.push(leaf);
    if (leaf >= 0) wished = wishes.length;
  }
  wishes.length = wished;
  const executable = executableFor(walked, pending, wishes, commonDevice(walked.leaves, pending));
  noteGraph(executable.ran);
  return { executable, pending, replaced, leaves, numbers };
}

/** Indices of nodes by the device that they are to be computed on; null where it is one for all. */
function byDevice(targets: readonly Node[]): number[][] | null {
  if (targets.length < 2 || onlyHostInUse()) return null;
  const groups: { device: Device; indices: number[] }[] = [];
  targets.forEach((node, i) => {
    const device = deviceOf(node), known = groups.find((g) => sameDevice(g.device, device));
    if (known === undefined) groups.push({ device, indices: [i] });
    else known.indices.push(i);
  });
  return groups.length < 2 ? null : groups.map(({ indices }) => indices);
}

/** Number of nodes whose value is stored by any run that passes through. */
function kept(nodes: readonly Node[]): number {
  let count = 0;
  for (const node of nodes) if (node.keep) count++;
  return count;
}

/**
 * Computes nodes that have no value yet, all in one run. `former` holds for each an old node which it
 * replaces, or null. The value goes over the memory of the old one where nothing else can need that;
 * else beside it, so that the old one can be read until the next update, or as long as it is small.
 */
export function realizeNodes(
  targets: readonly Node[],
  former: readonly (Node | null)[] = [],
): Executable | null {
  const groups = byDevice(targets);
  if (groups !== null) {
    let last: Executable | null = null;
    for (const group of groups) {
      last = realizeNodes(group.map((i) => targets[i]), group.map((i) => former[i] ?? null));
    }
    return last;
  }
  const p = prepare(targets, former);
  if (p === null) return null;
  const { executable, pending, replaced, leaves, numbers } = p;
  const spare: (Storage | null)[] = [];
  for (const old of replaced) spare.push(old === null ? null : old.former);
  const results = executable.run(leaves, numbers, spare);
  for (let i = 0; i < pending.length; i++) {
    settle(pending[i], results[i]);
    const old = i < replaced.length ? replaced[i] : null;
    if (old !== null) replace(old, results[i]);
  }
  return executable;
}

/** Notes that `next` has replaced `old`, whose memory, if it is large, takes the value after that. */
export function replace(old: Storage, next: Storage): void {
  if (old === next || !isLarge(old)) return;
  old.former = null;
  next.former = old;
}

/** Whether values of a tensor alternate between two places in memory, where none may be overwritten. */
export function isLarge({ byteLength }: Storage): boolean {
  return byteLength > SMALL;
}

/** Like `realizeNodes`, off the event loop and without overwriting. */
export async function realizeNodesAsync(targets: readonly Node[]): Promise<void> {
  const groups = byDevice(targets);
  if (groups !== null) {
    for (const group of groups) await realizeNodesAsync(group.map((i) => targets[i]));
    return;
  }
  const p = prepare(targets, []);
  if (p === null) return;
  const results = await p.executable.runAsync(p.leaves, p.numbers);
  p.pending.forEach((node, i) => {
    if (node.storage === null) settle(node, results[i]);
  });
}
