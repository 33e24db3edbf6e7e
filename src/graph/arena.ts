/** Placement of a Program's intermediate values in one block of memory. @module */

import type { ComputeType } from "./partition.ts";

/** Values live from the step that makes them to the last that reads them; then their place is free. */
export class ArenaPlan {
  #align: number;
  #offsets: number[] = [];
  #live: { from: number; to: number; offset: number; size: number }[] = [];
  #total = 0;

  /** Plans for values of one type; offsets are in elements, aligned to 64 bytes. */
  constructor(type: ComputeType) {
    this.#align = 64 / (type === "float32" ? 4 : 8);
  }

  /** Number of values. */
  get count(): number {
    return this.#offsets.length;
  }

  /** Places a value of `elements` that lives through steps `from`..`to`; returns its index. */
  add(elements: number, from: number, to: number): number {
    const size = Math.ceil(elements / this.#align) * this.#align;
    const busy = this.#live.filter((b) => b.to >= from && b.from <= to)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const b of busy) {
      if (b.offset - offset >= size) break;
      offset = Math.max(offset, b.offset + b.size);
    }
    this.#live.push({ from, to, offset, size });
    this.#offsets.push(offset);
    this.#total = Math.max(this.#total, offset + size);
    return this.#offsets.length - 1;
  }

  /** Offset of each value, then the total size. */
  offsets(): number[] {
    return [...this.#offsets, this.#total];
  }
}
