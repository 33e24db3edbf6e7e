/**
 * What one message has in memory that both sides see.
 *
 * @module
 */

import type { SharedPlace } from "../frame.ts";
import type { Link, Memory } from "./link.ts";

/** The places of a message's tensors, as often as it may have to be sent. */
export class Sharing {
  readonly #link: Link;
  readonly #places: SharedPlace[] = [];
  /** What keeps places that came from the other side. */
  readonly #memories: Memory[] = [];

  /** No places yet, for a message that goes over `link`. */
  constructor(link: Link) {
    this.#link = link;
  }

  /** The place of a memory's elements; null where they have to travel in the frame. */
  share(memory: Memory): SharedPlace | null {
    const place = this.#link.share(memory);
    if (place !== null) {
      this.#places.push(place);
      this.#memories.push(memory);
    }
    return place;
  }

  /** One more use of each place: each arrival of the message ends one. */
  hold(): void {
    for (const place of this.#places) this.#link.hold(place);
  }

  /** Ends one use of each place. */
  release(): void {
    for (const place of this.#places) this.#link.release(place);
  }
}
