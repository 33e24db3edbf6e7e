/**
 * Copies between devices.
 *
 * @module
 */

import type { Device } from "../runtime/mod.ts";
import { Storage } from "../runtime/mod.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { realizeNodes, settle } from "../run/execute.ts";
import { currentTrace } from "./trace.ts";

/** The same value in the memory of another device. Gradients are copied back. */
export const transferPrim: Primitive<{ device: Device }> = definePrimitive<{ device: Device }>({
  name: "transfer",
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  lower: (c, [x]) => c.op("Identity", [x]),
  vjp: (g, { inputs: [x] }) => [transfer(g, x.storage!.device)],
  batch: "inside a trace nothing is copied",
});

/**
 * Computes `x` and copies it to `device`. A graph runs on one device, so a copy cannot be one of
 * its steps; inside a trace the arguments decide the device, and nothing is copied.
 */
export function transfer(x: Node, device: Device): Node {
  if (currentTrace() !== null) return x;
  if (x.storage === null) realizeNodes([x]);
  const storage = x.storage!;
  if (storage.device === device) return x;
  const node = apply(transferPrim, [x], { device });
  settle(node, Storage.from(storage.host().slice(), storage.dtype, device));
  return node;
}
