/**
 * Places in a piece of memory: given, used by several, and given back in any order.
 *
 * @module
 */

/** Places begin at multiples of it. */
const ALIGNMENT = 4096;

/** Free and given places. */
export class Slots {
  #free: { start: number; end: number }[];
  readonly #given = new Map<number, { end: number; uses: number }>();

  /** All of a memory, free. */
  constructor(size: number) {
    this.#free = [{ start: 0, end: size }];
  }

  /** Number of places that are given. */
  get given(): number {
    return this.#given.size;
  }

  /** A place of a size; null where none is free. */
  take(size: number): number | null {
    const whole = Math.max(ALIGNMENT, Math.ceil(size / ALIGNMENT) * ALIGNMENT);
    for (let i = 0; i < this.#free.length; i++) {
      const hole = this.#free[i], { start } = hole;
      if (hole.end - start < whole) continue;
      hole.start += whole;
      if (hole.start === hole.end) this.#free.splice(i, 1);
      this.#given.set(start, { end: start + whole, uses: 1 });
      return start;
    }
    return null;
  }

  /** One more use of a place; whether `size` bytes were given there. */
  share(start: number, size = 0): boolean {
    const given = this.#given.get(start);
    if (given === undefined || given.end - start < size) return false;
    given.uses++;
    return true;
  }

  /** Ends uses of a place, which is free after the last one; what was not given is ignored. */
  give(start: number, uses = 1): void {
    const given = this.#given.get(start);
    if (given === undefined || (given.uses -= uses) > 0) return;
    const { end } = given;
    this.#given.delete(start);
    const at = this.#free.findIndex((hole) => hole.start >= end);
    const i = at < 0 ? this.#free.length : at;
    const before = this.#free[i - 1], after = this.#free[i];
    if (before?.end === start && after?.start === end) {
      before.end = after.end;
      this.#free.splice(i, 1);
    } else if (before?.end === start) before.end = end;
    else if (after?.start === end) after.start = start;
    else this.#free.splice(i, 0, { start, end });
  }
}
