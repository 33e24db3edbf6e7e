/**
 * Where values that were not computed yet will live.
 *
 * @module
 */

import type { Node } from "./node.ts";
import type { Device } from "../runtime/mod.ts";
import { defaultDevice } from "./defaults.ts";
import { constant } from "./leaf.ts";

/** Where values of long chains will live: each step of a loop may ask. */
const devices = new WeakMap<Node, Device>();

/** Steps down a chain from which what was found is kept. */
const LONG_CHAIN = 32;

/** The device of a value, or of what it will be computed from. */
export function deviceOf(node: Node): Device {
  let n: Node | undefined = node, known: Device | undefined, steps = 0;
  while (n !== undefined && n.storage === null && known === undefined) {
    n = decisive(n.inputs);
    if (++steps >= LONG_CHAIN && n !== undefined) known = devices.get(n);
  }
  const device = known ?? n?.storage?.device ?? defaultDevice();
  if (steps >= LONG_CHAIN) devices.set(node, device);
  return device;
}

/** The operand that says where a result will live: numbers on the host may be used anywhere. */
function decisive(inputs: readonly Node[]): Node | undefined {
  let known: Node | undefined, open: Node | undefined;
  for (const x of inputs) {
    if (x.prim === constant) continue;
    if (x.storage === null) open ??= x;
    else if (x.shape.length > 0 || !x.storage.onHost) return x;
    else known ??= x;
  }
  return open ?? known;
}
