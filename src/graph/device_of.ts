/**
 * Where values that were not computed yet will live.
 *
 * @module
 */

import type { Node } from "./node.ts";
import { type Device, onlyHostInUse } from "../runtime/mod.ts";
import { defaultDevice } from "./defaults.ts";

/** Where stand-ins, and values of long chains, will live: each step of a loop may ask. */
const devices = new WeakMap<Node, Device>();

/** Steps down a chain from which what was found is kept. */
const LONG_CHAIN = 32;

/** Notes where the values will be that a node stands for. */
export function noteDevice(node: Node, device: Device): void {
  devices.set(node, device);
}

/** The device of a value, or of what it will be computed from; the default device where nothing decides. */
export function deviceOf(node: Node): Device {
  return knownDevice(node) ?? defaultDevice();
}

/** The device of a value, or of what it will be computed from; undefined where nothing decides. */
export function knownDevice(node: Node): Device | undefined {
  const elsewhere = !onlyHostInUse();
  let n: Node | undefined = node, known: Device | undefined, steps = 0;
  while (n !== undefined && n.storage === null && known === undefined) {
    if (elsewhere && (known = devices.get(n)) !== undefined) break;
    const below = decisive(n.inputs);
    if (below === undefined || ++steps >= LONG_CHAIN) known = devices.get(n);
    n = below;
  }
  known ??= n?.storage?.device;
  if (elsewhere && (known === undefined || (n?.storage != null && n.shape.length === 0))) {
    // Not every chain ends at what decides.
    known = searched(node) ?? known;
  }
  if (steps >= LONG_CHAIN && known !== undefined) devices.set(node, known);
  return known;
}

/** The operand that says where a result will live: numbers on the host may be used anywhere. */
function decisive(inputs: readonly Node[]): Node | undefined {
  let known: Node | undefined, open: Node | undefined;
  for (const x of inputs) {
    // Constants lie anywhere.
    if (x.prim.name === "constant") continue;
    if (x.storage === null) open ??= x;
    else if (decides(x)) return x;
    else known ??= x;
  }
  return open ?? known;
}

function decides({ storage, shape }: Node): boolean {
  return storage !== null && (shape.length > 0 || !storage.onHost);
}

/** The device of the first operand, however far below, that decides. */
function searched(node: Node): Device | undefined {
  const seen = new Set([node]), stack = [node];
  for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
    if (n.prim.name === "constant") continue;
    if (decides(n)) return n.storage!.device;
    if (n.storage !== null) continue;
    const noted = devices.get(n);
    if (noted !== undefined) return noted;
    for (const x of n.inputs) {
      if (seen.has(x)) continue;
      seen.add(x);
      stack.push(x);
    }
  }
  return undefined;
}
