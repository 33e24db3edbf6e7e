/**
 * Results written over the memory of inputs: where that is safe, and which unit waits for which so
 * that it is.
 *
 * A unit may write over an input once every other reader of it has run. ONNX Runtime chooses the
 * order of what does not depend on each other, so that the readers have to be ancestors of the
 * writer. Those that are not by themselves become so: the writer waits for them, unless they need
 * the writer in turn. The same goes for whatever may fail: a run that fails leaves its inputs as
 * they were.
 *
 * @module
 */

import { bodiesOf } from "../graph/body.ts";
import { buffer } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { operandOf, type Partition, skipViews, type Unit } from "./partition.ts";
import { sizeOf } from "../graph/shape.ts";
import { isView } from "../graph/views.ts";

/** A wish to write output `output` over the memory of leaf `leaf`. */
export interface Donation {
  /** Index into the walk's leaves. */
  readonly leaf: number;
  /** Index into the outputs. */
  readonly output: number;
}

const nothing: ReadonlySet<number> = new Set();

/** Whether a run may fail at a node, by a number that names no element. */
function mayFail(node: Node): boolean {
  const { prim, inputs } = node;
  if (bodiesOf(node).some((body) => body.mayFail)) return true;
  if (prim.index === undefined) return false;
  let index = inputs[prim.index];
  while (isView(index) || index.prim.name === "project") index = index.inputs[0];
  // Places that pooling found are places of its operand.
  return index.prim.name !== "maxPlaces";
}

/** The members of a unit. */
export function membersOf(unit: Unit): readonly Node[] {
  return "region" in unit ? unit.region.nodes : [unit.node];
}

/** The order of the units of a graph under wishes to write over inputs. */
export class Schedule {
  readonly #parts: Partition;
  readonly #unitOf = new Map<Node, number>();
  /** Units whose results each unit reads. */
  readonly #needs: readonly ReadonlySet<number>[];
  /** Units that read each leaf. */
  readonly #readers = new Map<Node, Set<number>>();
  /** Units at which a run may fail, by a number that names no element. */
  readonly #fallible: number[] = [];
  /** Units that each unit waits for although it reads nothing of theirs. */
  readonly #waits = new Map<number, Set<number>>();
  readonly #above = new Map<number, Set<number>>();
  readonly #returned: ReadonlySet<Node>;

  /** `writes` are the wishes: a leaf and the result that is to take its memory. */
  constructor(
    parts: Partition,
    results: readonly Node[],
    writes: readonly { leaf: Node; result: Node }[],
  ) {
    this.#parts = parts;
    this.#returned = new Set(results.map((n) => skipViews(parts, n)));
    parts.units.forEach((unit, at) => {
      for (const node of membersOf(unit)) this.#unitOf.set(node, at);
      if ("node" in unit && mayFail(unit.node)) this.#fallible.push(at);
    });
    // Without wishes nothing waits, and nothing is asked of what a unit needs.
    this.#needs = writes.length === 0
      ? parts.units.map(() => nothing)
      : parts.units.map((unit, at) => this.#needsOf(unit, at));
    for (const { leaf, result } of writes) this.#wait(leaf, result);
  }

  /** Indices of the units in an order in which they can run. */
  order(): number[] {
    const order: number[] = [], seen = new Set<number>();
    // Units are in a right order but for those that wait.
    const visit = (unit: number) => {
      if (seen.has(unit)) return;
      seen.add(unit);
      for (const other of this.#waits.get(unit) ?? nothing) {
        for (const at of [...this.#ancestors(other), other].sort((a, b) => a - b)) visit(at);
      }
      order.push(unit);
    };
    this.#needs.forEach((_, unit) => visit(unit));
    return order;
  }

  /** Units that a unit waits for although it reads nothing of theirs. */
  waits(unit: number): ReadonlySet<number> {
    return this.#waits.get(unit) ?? nothing;
  }

  /** Lets a unit not wait. */
  release(unit: number): void {
    this.#waits.delete(unit);
    this.#above.clear();
  }

  /** The unit that computes a result, if there is one. */
  writer(result: Node): number | undefined {
    return this.#unitOf.get(result.prim.name === "project" ? result.inputs[0] : result);
  }

  /** Whether all other readers of a leaf, and all that may fail, run before a unit. */
  isLast(unit: number, leaf: Node): boolean {
    return !this.#returned.has(leaf) && this.#others(unit, leaf).length === 0;
  }

  /** Readers of a leaf, and units that may fail, that a unit does not need anyway. */
  #others(unit: number, leaf: Node): number[] {
    const above = this.#ancestors(unit);
    const first = new Set([...this.#readers.get(leaf) ?? nothing, ...this.#fallible]);
    return [...first].filter((r) => r !== unit && !above.has(r));
  }

  #needsOf(unit: Unit, at: number): Set<number> {
    const needs = new Set<number>();
    for (const node of membersOf(unit)) {
      for (const x of node.inputs) {
        const operand = "region" in unit ? operandOf(this.#parts, node, x).root : x;
        const root = skipViews(this.#parts, operand);
        if (root.prim === buffer) {
          const readers = this.#readers.get(root);
          if (readers === undefined) this.#readers.set(root, new Set([at]));
          else readers.add(at);
        }
        const other = this.#unitOf.get(root);
        if (other !== undefined && other !== at) needs.add(other);
      }
    }
    return needs;
  }

  #wait(leaf: Node, result: Node): void {
    const unit = this.writer(result);
    if (unit === undefined || sizeOf(leaf.shape) !== sizeOf(result.shape)) return;
    if (this.#returned.has(leaf)) return;
    const others = this.#others(unit, leaf);
    if (others.length === 0 || others.some((r) => this.#ancestors(r).has(unit))) return;
    const waits = this.#waits.get(unit) ?? new Set();
    for (const r of others) waits.add(r);
    this.#waits.set(unit, waits);
    this.#above.clear();
  }

  /** Units that run before a unit. */
  #ancestors(of: number): Set<number> {
    const known = this.#above.get(of);
    if (known !== undefined) return known;
    const seen = new Set<number>(), stack = [of];
    this.#above.set(of, seen);
    while (stack.length > 0) {
      const unit = stack.pop()!;
      for (const set of [this.#needs[unit], this.waits(unit)]) {
        for (const other of set) {
          if (seen.has(other)) continue;
          seen.add(other);
          stack.push(other);
        }
      }
    }
    return seen;
  }
}
