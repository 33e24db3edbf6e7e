/**
 * One timer for many deadlines: most calls are answered long before theirs.
 *
 * @module
 */

const LONGEST = 2 ** 30;

/** Rings at the earliest of the times that it was told. */
export class Alarm {
  readonly #ring: (now: number) => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #time = Infinity;

  /** An alarm that calls `ring`, which says when it has to ring again (`Infinity`: not). */
  constructor(ring: (now: number) => number) {
    this.#ring = ring;
  }

  /** Sees to it that it rings at a time in milliseconds of `performance.now()`, or before. */
  at(time: number): void {
    if (time >= this.#time) return;
    clearTimeout(this.#timer);
    this.#time = time;
    const wait = Math.min(Math.max(0, time - performance.now()), LONGEST);
    this.#timer = setTimeout(() => {
      this.#time = Infinity;
      this.at(this.#ring(performance.now()));
    }, wait);
    // Links keep the process alive, where there are any.
    Deno.unrefTimer(this.#timer);
  }

  /** Rings no more. */
  off(): void {
    clearTimeout(this.#timer);
  }
}
