/**
 * How much others on this machine compete for its processors.
 *
 * @module
 */

import { OS } from "./host.ts";

/** Nanoseconds for which the thread ran or wanted to, from which on their parts say something. */
const WINDOW = 2e8;

/** Share of waiting from which on several threads are slower than one. */
const BUSY = 0.25;

/** Share of waiting up to which the processors count as free. */
const FREE = 0.05;

/** Milliseconds for which they have to be free before they count as that. */
const PATIENCE = 3000;

/** Milliseconds between two looks. */
const INTERVAL = 200;

/**
 * Watches how long a thread waits for a processor although it could run. A graph on several threads is
 * done when the last of them is, so that it is slower than on one thread where they are not all served
 * at once: with two busy processes on two processors by two to three times.
 */
export class ContentionWatch {
  readonly #read: () => readonly [ran: number, waited: number] | null;
  #ran = 0;
  #waited = 0;
  #lookedAt = -Infinity;
  #busyAt = -Infinity;
  #contended = false;

  /** @param read nanoseconds for which the thread ran and waited since its start; null: unknown */
  constructor(read: () => readonly [ran: number, waited: number] | null) {
    this.#read = read;
  }

  /** Whether processors are short. Cheap: looks anew only after a while. */
  contended(now: number): boolean {
    if (now - this.#lookedAt < INTERVAL) return this.#contended;
    this.#lookedAt = now;
    const times = this.#read();
    if (times === null) return this.#contended = false;
    const ran = times[0] - this.#ran, waited = times[1] - this.#waited;
    if (ran + waited < WINDOW) return this.#contended;
    [this.#ran, this.#waited] = times;
    const share = waited / (ran + waited);
    if (share > FREE) this.#busyAt = now;
    if (share > BUSY) this.#contended = true;
    else if (now - this.#busyAt > PATIENCE) this.#contended = false;
    return this.#contended;
  }
}

/** The time that this thread ran and waited, where the system says so: Linux. */
function timesOfThread(): readonly [number, number] | null {
  if (OS !== "linux") return null;
  try {
    const [ran, waited] = Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ");
    return [Number(ran), Number(waited)];
  } catch {
    // A kernel without it, or no permission.
    return null;
  }
}

/** Whether others compete with this thread for the processors. */
export const watch: ContentionWatch = new ContentionWatch(timesOfThread);
