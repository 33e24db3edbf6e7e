/**
 * Where values that were not computed yet will live.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import type { Device } from "../runtime/mod.ts";

/** Where values of long chains will live: each step of a loop may ask. */
const devices = new WeakMap<Node, Device>();

/** Steps down a chain from which what was found is kept. */
const LONG_CHAIN = 32;

/** The device of a value, or of what it will be computed from. */
export function deviceOf(node: Node): Device {
  let n: Node | undefined = node, known: Device | undefined, steps = 0;
  while (n !== undefined && n.storage === null && known === undefined) {
    n = n.inputs.find((x) => x.storage !== null) ?? n.inputs[0];
    if (++steps >= LONG_CHAIN && n !== undefined) known = devices.get(n);
  }
  const device = known ?? n?.storage?.device ?? "cpu";
  if (steps >= LONG_CHAIN) devices.set(node, device);
  return device;
}
