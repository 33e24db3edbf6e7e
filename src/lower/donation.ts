/**
 * Results written over the memory of inputs: where that is safe, and which unit waits for which so
 * that it is.
 *
 * A unit may write over an input once every other reader of it has run. The same goes for whatever
 * may fail: a run that fails leaves its inputs as they were. So the writer waits for those, unless
 * they need the writer in turn. Within a segment ONNX Runtime chooses the order of what does not
 * depend on each other: there they have to be ancestors of the writer, and those that are not by
 * themselves are made so.
 *
 * @module
 */

import { bodiesOf } from "../graph/body.ts";
import { buffer } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { operandOf, type Partition, skipViews, type Unit } from "./partition.ts";
import { sizeOf } from "../graph/shape.ts";
import { isView } from "../graph/views.ts";
import { MinHeap } from "./heap.ts";

/** A wish to write output `output` over the memory of leaf `leaf`. */
export interface Donation {
  /** Index into the walk's leaves. */
  readonly leaf: number;
  /** Index into the outputs. */
  readonly output: number;
}

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

/** A wish, with what it takes. */
interface Wish {
  readonly leaf: Node;
  /** The unit that writes. */
  readonly writer: number;
  /** Other readers of the leaf, and units that may fail: they come before the writer. */
  readonly before: readonly number[];
  /** Whether they do. */
  granted: boolean;
}

/** The order of the units of a graph under wishes to write over inputs. */
export class Schedule {
  readonly #parts: Partition;
  readonly #unitOf = new Map<Node, number>();
  /** Units whose results each unit reads. */
  readonly #needs: (readonly number[])[] = [];
  /** Units that read each leaf. */
  readonly #readers = new Map<Node, Set<number>>();
  /** Wishes that may be granted, by their writers. */
  readonly #wishes = new Map<number, Wish[]>();
  /** Units that each unit waits for although it reads nothing of theirs. */
  readonly #waits = new Map<number, readonly number[]>();
  /** Indices of the units in an order in which they can run. */
  readonly order: readonly number[];
  /** The search that has visited each unit last. */
  readonly #visited: Int32Array;
  #searches = 0;

  /** `writes` are the wishes: a leaf and the result that is to take its memory. */
  constructor(
    parts: Partition,
    results: readonly Node[],
    writes: readonly { leaf: Node; result: Node }[],
  ) {
    this.#parts = parts;
    const fallible: number[] = [];
    parts.units.forEach((unit, at) => {
      for (const node of membersOf(unit)) this.#unitOf.set(node, at);
      if ("node" in unit && mayFail(unit.node)) fallible.push(at);
    });
    this.#visited = new Int32Array(writes.length === 0 ? 0 : parts.units.length);
    // Without wishes nothing waits, and nothing is asked of what a unit needs.
    if (writes.length > 0) {
      parts.units.forEach((unit, at) => this.#needs.push(this.#needsOf(unit, at)));
      const returned = new Set(results.map((n) => skipViews(parts, n)));
      for (const { leaf, result } of writes) {
        if (!returned.has(leaf)) this.#wish(leaf, result, fallible);
      }
      this.#dropHopeless();
    }
    this.order = this.#order();
  }

  /** The unit that computes a result, if there is one. */
  writer(result: Node): number | undefined {
    return this.#unitOf.get(result.prim.name === "project" ? result.inputs[0] : result);
  }

  /**
   * Units of the same segment that a unit has to wait for although it reads nothing of theirs.
   * `segmentOf` tells the segment of each unit that was emitted.
   */
  waits(unit: number, segmentOf: readonly number[]): readonly number[] {
    const found = new Set<number>(), segment = segmentOf[unit];
    for (const { before, granted } of this.#wishes.get(unit) ?? []) {
      if (granted) { for (const r of before) if (segmentOf[r] === segment) found.add(r); }
    }
    if (found.size > 0) {
      this.#search(unit, (other) => {
        found.delete(other);
        return segmentOf[other] === segment && found.size > 0;
      });
    }
    const waits = [...found];
    if (waits.length > 0) this.#waits.set(unit, waits);
    return waits;
  }

  /** Lets a unit not wait. */
  release(unit: number): void {
    const waits = new Set(this.#waits.get(unit));
    this.#waits.delete(unit);
    for (const wish of this.#wishes.get(unit) ?? []) {
      if (wish.before.some((r) => waits.has(r))) wish.granted = false;
    }
  }

  /** Whether all other readers of a leaf, and all that may fail, run before a unit. */
  isLast(unit: number, leaf: Node): boolean {
    return this.#wishes.get(unit)?.some((wish) => wish.leaf === leaf && wish.granted) ?? false;
  }

  #needsOf(unit: Unit, at: number): number[] {
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
        // Without Program views are units, too.
        const other = this.#unitOf.get(operand) ?? this.#unitOf.get(root);
        if (other !== undefined && other !== at) needs.add(other);
      }
    }
    return [...needs];
  }

  #wish(leaf: Node, result: Node, fallible: readonly number[]): void {
    const writer = this.writer(result);
    if (writer === undefined || sizeOf(leaf.shape) !== sizeOf(result.shape)) return;
    const before = new Set([...this.#readers.get(leaf) ?? [], ...fallible]);
    before.delete(writer);
    const wish = { leaf, writer, before: [...before], granted: true };
    const wishes = this.#wishes.get(writer);
    if (wishes === undefined) this.#wishes.set(writer, [wish]);
    else wishes.push(wish);
  }

  /** Drops wishes whose writer would have to wait for what needs it; 32 writers at a time. */
  #dropHopeless(): void {
    const writers = [...this.#wishes.keys()];
    for (let first = 0; first < writers.length; first += 32) {
      const some = writers.slice(first, first + 32);
      // A bit for each writer that a unit is, or needs.
      const above = new Int32Array(this.#needs.length);
      some.forEach((writer, bit) => above[writer] |= 1 << bit);
      this.#needs.forEach((needs, unit) => {
        for (const other of needs) above[unit] |= above[other];
      });
      some.forEach((writer, bit) => {
        for (const wish of this.#wishes.get(writer)!) {
          wish.granted = !wish.before.some((r) => (above[r] & (1 << bit)) !== 0);
        }
      });
    }
  }

  /**
   * The units in their own order, but that writers wait. Where writers wait for each other in a circle,
   * the first of them gives up.
   */
  #order(): number[] {
    const count = this.#parts.units.length;
    const own = Array.from({ length: count }, (_, i) => i);
    const waiting = [...this.#wishes.values()].flat().filter((w) => w.granted);
    if (waiting.every((w) => w.before.every((r) => r < w.writer))) return own;
    /** What runs after each unit, and how much is left that has to run before. */
    const users: number[][] = own.map(() => []), left = new Int32Array(count);
    const wishesOn = new Map<number, Wish[]>(), open = new Map<Wish, number>();
    this.#needs.forEach((needs, unit) => {
      left[unit] = needs.length;
      for (const other of needs) users[other].push(unit);
    });
    for (const wish of waiting) {
      open.set(wish, wish.before.length);
      for (const r of wish.before) {
        const list = wishesOn.get(r);
        if (list === undefined) wishesOn.set(r, [wish]);
        else list.push(wish);
      }
    }
    const waits = (unit: number) =>
      this.#wishes.get(unit)?.some((w) => w.granted && open.get(w)! > 0) ?? false;
    const ready = new MinHeap(), held = new Set<number>(), order: number[] = [];
    const admit = (unit: number) => {
      if (left[unit] > 0) return;
      if (waits(unit)) held.add(unit);
      else ready.push(unit);
    };
    own.forEach(admit);
    while (order.length < count) {
      let unit = ready.pop();
      if (unit === undefined) {
        unit = held.values().next().value!;
        held.delete(unit);
        for (const w of this.#wishes.get(unit)!) if (open.get(w)! > 0) w.granted = false;
      }
      order.push(unit);
      for (const user of users[unit]) {
        left[user]--;
        admit(user);
      }
      for (const wish of wishesOn.get(unit) ?? []) {
        open.set(wish, open.get(wish)! - 1);
        if (!held.has(wish.writer) || waits(wish.writer)) continue;
        held.delete(wish.writer);
        ready.push(wish.writer);
      }
    }
    return order;
  }

  /** Visits the units that run before a unit, as long as `goesOn` says so of the one below. */
  #search(of: number, goesOn: (unit: number) => boolean): void {
    const search = ++this.#searches, stack = [of];
    while (stack.length > 0) {
      const unit = stack.pop()!;
      for (const list of [this.#needs[unit], this.#waits.get(unit) ?? []]) {
        for (const other of list) {
          if (this.#visited[other] === search) continue;
          this.#visited[other] = search;
          if (goesOn(other)) stack.push(other);
        }
      }
    }
  }
}
