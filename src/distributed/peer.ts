/**
 * What an agent knows of one other rank.
 *
 * @module
 */

import type { Link } from "./links/link.ts";
import type { Sharing } from "./links/sharing.ts";
import type { Running } from "./scope.ts";

/** A call that waits for its answer. */
export interface Pending {
  /** What was called. */
  readonly name: string;
  /** Whether the layer itself called. */
  readonly system: boolean;
  /** When it stops waiting, in milliseconds of `performance.now()`. */
  readonly deadline: number;
  /** Seconds that it was given. */
  readonly seconds: number;
  /** Context that the answer belongs to. */
  readonly context: number;
  /** The request, where it may be sent again. */
  readonly again: { readonly chunks: Uint8Array[]; readonly sharing: Sharing | null } | null;
  /** When it is sent again. */
  nextTry: number;
  /** Milliseconds until the try after that. */
  pause: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Answers that are kept for requests that come twice. */
const MAX_ANSWERS = 1024;

/** Another rank, or this one. */
export class Peer {
  /** Its number. */
  readonly rank: number;
  /** Links to it: the first is written to, all are read. */
  readonly links: Link[] = [];
  /** A link that is being made. */
  opening: Promise<void> | null = null;
  /** Frames that wait for a link. */
  waiting: Uint8Array[][] = [];
  /** Calls to it. */
  readonly pending = new Map<number, Pending>();
  /** Calls by it. */
  readonly running = new Map<number, Running>();
  /** Why it is gone; null while it lives. */
  dead: Error | null = null;
  /** Whether it said good-bye. */
  left = false;
  /** The start of its process that links go to. */
  incarnation: string | null = null;
  /** Number of the latest call to it. */
  lastId = 0;
  readonly #answers = new Map<number, Uint8Array[]>();

  /** A rank without links. */
  constructor(rank: number) {
    this.rank = rank;
  }

  /** Keeps an answer for a request that may come again. */
  keepAnswer(id: number, chunks: Uint8Array[]): void {
    this.#answers.set(id, chunks.map((chunk) => chunk.slice()));
    if (this.#answers.size <= MAX_ANSWERS) return;
    for (const first of this.#answers.keys()) {
      this.#answers.delete(first);
      break;
    }
  }

  /** A copy of an answer that was kept. */
  answer(id: number): Uint8Array[] | undefined {
    return this.#answers.get(id)?.map((chunk) => chunk.slice());
  }

  /** Takes what waits for answers, for somebody who settles it. */
  takePending(): Pending[] {
    const all = [...this.pending.values()];
    this.pending.clear();
    return all;
  }
}
