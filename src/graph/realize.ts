/**
 * Computing the values of nodes: one graph, one run.
 *
 * @module
 */

import { BackendError, type Device, type Storage } from "../runtime/mod.ts";
import { defaultDevice } from "./defaults.ts";
import { type Executable, executable } from "./executable.ts";
import type { Donation } from "./lower.ts";
import type { Node } from "./node.ts";
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

function prepare(targets: readonly Node[], overwrite: ReadonlyMap<Node, Node>): Prepared | null {
  const pending = [...new Set(targets)].filter((n) => {
    if (n.storage !== null) checkFresh(n);
    return n.storage === null;
  });
  if (pending.length === 0) return null;
  let walked = walk(pending);
  const kept = walked.nodes.filter((n) => n.keep && !pending.includes(n));
  if (kept.length > 0) {
    pending.push(...kept);
    walked = walk(pending);
  }
  const donations: Donation[] = [];
  if (overwrite.size > 0) {
    const index = new Map<Storage, number>();
    walked.leaves.forEach((leaf, i) => index.set(leaf.storage!, i));
    pending.forEach((node, output) => {
      const old = overwrite.get(node);
      const leaf = old?.storage ? index.get(old.storage) : undefined;
      if (leaf !== undefined) donations.push({ leaf, output });
    });
  }
  const leaves = walked.leaves.map((n) => n.storage!);
  const program = executable(walked, pending, donations, commonDevice(leaves));
  const results = program.bind(leaves, walked.scalars.map((n) => n.attrs.value as number));
  return { program, pending, leaves, results };
}

const nothing: ReadonlyMap<Node, Node> = new Map();

/**
 * Computes nodes that have no value yet, all in one run. `overwrite` maps a node to the old node
 * whose memory it may take; where that is not safe it gets memory of its own.
 */
export function realizeNodes(
  targets: readonly Node[],
  overwrite: ReadonlyMap<Node, Node> = nothing,
): Executable | null {
  const p = prepare(targets, overwrite);
  if (p === null) return null;
  p.program.run(p.results);
  p.pending.forEach((node, i) => settle(node, p.results[i]));
  return p.program;
}

/** Like `realizeNodes`, off the event loop and without overwriting. */
export async function realizeNodesAsync(targets: readonly Node[]): Promise<void> {
  const p = prepare(targets, nothing);
  if (p === null) return;
  await p.program.runAsync(p.results, p.leaves);
  p.pending.forEach((node, i) => {
    if (node.storage === null) settle(node, p.results[i]);
  });
}
