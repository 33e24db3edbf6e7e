/**
 * The session of one segment, and where its inputs and outputs lie.
 *
 * @module
 */

import { type DType, Session, type SessionSpec } from "../runtime/mod.ts";
import type { Packs } from "./device_numbers.ts";
import type { Lowered } from "../lower/lower.ts";
import type { Segment } from "../lower/segment.ts";

/** Addresses of everything that the segments of a graph read and write in a run. */
export interface Places {
  /** Of each leaf. */
  readonly leaves: ArrayLike<number>;
  /** Of the packed numbers; other addresses come in another object. */
  readonly numbers: Packs;
  /** Of the memory between segments. */
  readonly carried: number;
  /** Of each asked value. */
  readonly results: ArrayLike<number>;
}

interface Slot {
  readonly slot: number;
  /** Index of a leaf or an asked value, or an offset in bytes. */
  readonly at: number;
}

/** A segment that can run. */
export class SegmentRun {
  readonly session: Session;
  readonly #leaves: Slot[] = [];
  readonly #results: Slot[] = [];
  readonly #carried: Slot[] = [];
  /** `at` is the number's place, or -1 for all of a type. */
  readonly #numbers: (Slot & { readonly dtype: DType })[] = [];
  /** The places of numbers that are in the slots. */
  #bound: Places["numbers"] | null = null;
  /** Indices of the asked values that it computes. */
  readonly computes: readonly number[];

  /** @param session its session, or one with other slots for each segment of the same model */
  constructor({ sources, targets }: Segment, session: Session) {
    this.session = session;
    sources.forEach((source, slot) => {
      if (source.kind === "leaf") this.#leaves.push({ slot, at: source.index });
      else if (source.kind === "result") this.#results.push({ slot, at: source.index });
      else if (source.kind === "carried") this.#carried.push({ slot, at: source.offset });
      else {
        const at = source.kind === "number" ? source.slot : -1;
        this.#numbers.push({ slot, at, dtype: source.dtype });
      }
    });
    const first = sources.length;
    targets.forEach((target, i) => {
      if (target.kind === "result") this.#results.push({ slot: first + i, at: target.index });
      else this.#carried.push({ slot: first + i, at: target.offset });
    });
    this.computes = targets.flatMap((t) => t.kind === "result" ? [t.index] : []);
  }

  /** Writes the addresses of a run into the slots. */
  bind({ leaves, numbers, carried, results }: Places): void {
    const { slots } = this.session;
    for (const { slot, at } of this.#leaves) slots[slot] = leaves[at];
    for (const { slot, at } of this.#results) slots[slot] = results[at];
    for (const { slot, at } of this.#carried) slots[slot] = carried + at;
    if (numbers === this.#bound) return;
    for (const { slot, at, dtype } of this.#numbers) {
      slots[slot] = at < 0 ? numbers.pack(dtype) : numbers.at(dtype, at);
    }
    this.#bound = numbers;
  }
}

/** Compiles the segments of a graph; those of equal models share what is compiled. */
export function compileSegments(
  { segments }: Lowered,
  settings: Omit<SessionSpec, "model" | "inputs" | "outputs">,
): SegmentRun[] {
  const known = new Map<Uint8Array, Session>();
  return segments.map((segment) => {
    const { model, inputs, outputs } = segment;
    const session = new Session({ ...settings, model, inputs, outputs }, known.get(model));
    if (!known.has(model)) known.set(model, session);
    return new SegmentRun(segment, session);
  });
}
