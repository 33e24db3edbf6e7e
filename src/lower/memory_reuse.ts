/**
 * Intermediate values in the memory of results.
 *
 * A training step that writes new parameters beside the old ones touches one more value of their size
 * than one that writes over them, and a step of a few hundred thousand parameters takes as long as
 * its way through memory. But the gradient is needed only until the parameter is written: where one
 * kernel reads the one and writes the other, element by element, both have one place.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { sizeOf } from "../graph/shape.ts";
import { DTYPES } from "../runtime/mod.ts";
import { membersOf, type Schedule } from "./donation.ts";
import { operandOf, type Partition, skipViews } from "./partition.ts";

/** A value that lies in the memory of a result until that is written. */
export interface Reuse {
  /** The value. */
  readonly value: Node;
  /** Index of the result. */
  readonly output: number;
}

/**
 * Bytes from which it pays: the value becomes an output, which costs 0.1 us. Smaller values may be
 * copied on their way to their memory, so that they must not share it.
 */
const MIN_BYTES = 1 << 16;

/** What is to be known of a graph. */
export interface Surroundings {
  readonly parts: Partition;
  readonly schedule: Schedule;
  /** The results; each but the first place of one that comes several times is a copy. */
  readonly results: readonly Node[];
  /** Results that may lie in the memory of an input, which is needed until they are written. */
  readonly donated: ReadonlySet<number>;
  /** Whether a unit reads each element of `value` before it writes that of `result`. */
  canAlias(unit: number, value: Node, result: Node): boolean;
}

/** Matrix products that can lie in the memory of results, one for each result at most. */
export function findReuse(graph: Surroundings): Reuse[] {
  const { parts, schedule, results } = graph;
  const readers = readersOfProducts(parts, results);
  if (readers.size === 0) return [];
  const free = new Map<string, number[]>(), seen = new Set<Node>();
  results.forEach((result, output) => {
    const unit = schedule.writer(result);
    if (unit === undefined || seen.has(result)) return;
    seen.add(result);
    if (graph.donated.has(output)) return;
    const key = keyOf(unit, result), list = free.get(key);
    if (list === undefined) free.set(key, [output]);
    else list.push(output);
  });
  const found: Reuse[] = [];
  for (const [value, unit] of readers) {
    if (unit === null) continue;
    const outputs = free.get(keyOf(unit, value)) ?? [];
    const at = outputs.findIndex((output) => graph.canAlias(unit, value, results[output]));
    if (at >= 0) found.push({ value, output: outputs.splice(at, 1)[0] });
  }
  return found;
}

function keyOf(unit: number, { dtype, shape }: Node): string {
  return `${unit}:${dtype}:${sizeOf(shape)}`;
}

/** Whether ONNX Runtime computes a large matrix product at a node. */
function isLargeProduct({ prim, dtype, shape }: Node): boolean {
  return prim.program?.kind === "matmul" && sizeOf(shape) * DTYPES[dtype].bytes >= MIN_BYTES;
}

/** The only unit that reads each large product; null where there are several, or it is a result. */
function readersOfProducts(
  parts: Partition,
  results: readonly Node[],
): Map<Node, number | null> {
  const products = new Set<Node>(), readers = new Map<Node, number | null>();
  for (const unit of parts.units) {
    if ("node" in unit && isLargeProduct(unit.node)) products.add(unit.node);
  }
  if (products.size === 0) return readers;
  parts.units.forEach((unit, at) => {
    for (const node of membersOf(unit)) {
      for (const x of node.inputs) {
        const operand = "region" in unit ? operandOf(parts, node, x).root : x;
        const root = skipViews(parts, operand);
        if (!products.has(root)) continue;
        const known = readers.get(root);
        readers.set(root, known === undefined || known === at ? at : null);
      }
    }
  });
  for (const result of results) {
    const root = skipViews(parts, result);
    if (readers.has(root)) readers.set(root, null);
  }
  return readers;
}
