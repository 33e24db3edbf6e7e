/**
 * Computing the values of nodes: one graph, one run.
 *
 * @module
 */

import { BackendError, type Device, type Storage } from "../runtime/mod.ts";
import { defaultDevice } from "./defaults.ts";
import type { Donation } from "./donation.ts";
import { type Executable, executable } from "./executable.ts";
import { nextEpoch, type Node } from "./node.ts";
import { checkFresh, walk } from "./walk.ts";

/** Notes the value of a node, and drops operands that no derivative can ask for. */
export function settle(node: Node, storage: Storage): void {
  node.storage = storage;
  node.version = storage.version;
  if (!node.inputs.some((x) => x.requiresGrad)) node.inputs = [];
}

/** The device of all inputs of a graph; the default device where there are none. */
export function commonDevice(storages: readonly Storage[]): Device {
  if (storages.length === 0) return defaultDevice();
  const { device } = storages[0];
  const other = storages.find((s) => s.device !== device);
  if (other !== undefined) {
    throw new BackendError(
      `compute: the tensors of one computation are on ${device} and on ${other.device}; move them ` +
        `to one device with to("${device}").`,
    );
  }
  return device;
}

interface Prepared {
  readonly program: Executable;
  readonly pending: Node[];
  readonly leaves: Storage[];
  readonly results: Storage[];
}

function prepare(targets: readonly Node[], former: readonly (Node | null)[]): Prepared | null {
  const pending: Node[] = [], wishes: (Node | null)[] = [], epoch = nextEpoch();
  for (let i = 0; i < targets.length; i++) {
    const node = targets[i];
    if (node.storage !== null) checkFresh(node);
    else if (node.mark !== epoch) {
      node.mark = epoch;
      pending.push(node);
      wishes.push(former[i] ?? null);
    }
  }
  if (pending.length === 0) return null;
  let walked = walk(pending);
  if (kept(walked.nodes) !== kept(pending)) {
    const asked = new Set(pending);
    for (const node of walked.nodes) if (node.keep && !asked.has(node)) pending.push(node);
    walked = walk(pending);
  }
  const leaves: Storage[] = [], numbers: number[] = [];
  for (const node of walked.leaves) leaves.push(node.storage!);
  for (const node of walked.scalars) numbers.push(node.attrs.value);
  const donations: Donation[] = [];
  for (let output = 0; output < wishes.length; output++) {
    const old = wishes[output]?.storage;
    const leaf = old ? walked.leafOf.get(old) : undefined;
    if (leaf !== undefined) donations.push({ leaf, output });
  }
  const program = executable(walked, pending, donations, commonDevice(leaves));
  const results = program.bind(leaves, numbers);
  return { program, pending, leaves, results };
}

/** Number of nodes whose value is stored by any run that passes through. */
function kept(nodes: readonly Node[]): number {
  let count = 0;
  for (const node of nodes) if (node.keep) count++;
  return count;
}

/**
 * Computes nodes that have no value yet, all in one run. `former` holds for each an old node whose
 * memory it may take, or null; where that is not safe it gets memory of its own.
 */
export function realizeNodes(
  targets: readonly Node[],
  former: readonly (Node | null)[] = [],
): Executable | null {
  const p = prepare(targets, former);
  if (p === null) return null;
  p.program.run(p.results);
  p.pending.forEach((node, i) => settle(node, p.results[i]));
  return p.program;
}

/** Like `realizeNodes`, off the event loop and without overwriting. */
export async function realizeNodesAsync(targets: readonly Node[]): Promise<void> {
  const p = prepare(targets, []);
  if (p === null) return;
  await p.program.runAsync(p.results, p.leaves);
  p.pending.forEach((node, i) => {
    if (node.storage === null) settle(node, p.results[i]);
  });
}
