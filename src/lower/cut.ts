/**
 * Where a large graph is cut into segments. ONNX Runtime's time to make a session grows with the square
 * of its nodes, inputs and outputs.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import type { Unit } from "./partition.ts";

/**
 * Inputs and values computed up to which a graph stays whole, and from and up to which a segment is:
 * making a session of that many is cheapest for each of them. Tests that want segments make them
 * smaller.
 */
export const segmentSizes: { whole: number; least: number; most: number } = {
  whole: 4096,
  least: 1024,
  most: 2048,
};

/**
 * Decides, unit after unit, where segments end. Unrolled loops repeat themselves, and segments that are
 * equal share a session. So a segment ends where the units before look as they did where the last one
 * ended: then it is a whole number of iterations long. Whether segments really are equal is not decided
 * here. (Cuts that depend on the content near them come from deduplicating storage, where they find
 * what stays the same although it has moved: Muthitacharoen, Chen and Mazieres, "A low-bandwidth
 * network file system", 2001.)
 */
export class Cutter {
  /** Of the last 32 units: what is older is shifted out. */
  #hash = 0;
  #mark = NaN;

  /** Whether a segment ends after a unit, where it has this many inputs and values by then. */
  endsAfter(unit: Unit, size: number): boolean {
    this.#hash = ((this.#hash << 1) + signature(unit)) | 0;
    const { least, most } = segmentSizes;
    if (size < least || (size < most && this.#hash !== this.#mark)) return false;
    this.#mark = this.#hash;
    return true;
  }
}

function signature(unit: Unit): number {
  if ("node" in unit) return signatureOf(unit.node);
  return unit.region.nodes.reduce((hash, node) => mix(hash, signatureOf(node)), 1);
}

function signatureOf({ prim, attrKey, shape }: Node): number {
  return shape.reduce(mix, mix(prim.id, attrKey));
}

/** A hash (after FNV-1a) of a hash and a number. */
function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15);
}
