/**
 * Views of places in a piece of shared memory.
 *
 * @module
 */

import type { SharedMemory } from "./shared_memory.ts";

interface View {
  readonly buffer: WeakRef<ArrayBuffer>;
  /** How often the place was named since the buffer was made. */
  uses: number;
}

/** Tells when nothing uses the elements at a place any more. */
const unused = new FinalizationRegistry<() => void>((tell) => tell());

/**
 * Views of places in one segment. A place that is named again while its elements are in use has the
 * same buffer: each new one would count as memory, and call for the garbage collector.
 */
export class Views {
  readonly #memory: SharedMemory;
  readonly #free: (offset: number, uses: number) => void;
  readonly #views = new Map<number, View>();
  #used = 0;
  #closed = false;

  /** Views of `memory`; `free` hears of places that are not used any more, and how often they were named. */
  constructor(memory: SharedMemory, free: (offset: number, uses: number) => void) {
    this.#memory = memory;
    this.#free = free;
  }

  /** The elements at a place, which is used until nothing refers to their buffer. */
  at(offset: number, byteLength: number): Uint8Array {
    const known = this.#views.get(offset), buffer = known?.buffer.deref();
    if (known !== undefined && buffer !== undefined && buffer.byteLength >= byteLength) {
      known.uses++;
      return new Uint8Array(buffer, 0, byteLength);
    }
    const bytes = this.#memory.view(offset, byteLength);
    const view = { buffer: new WeakRef(bytes.buffer as ArrayBuffer), uses: 1 };
    this.#views.set(offset, view);
    this.#used++;
    unused.register(bytes.buffer, () => {
      if (this.#views.get(offset) === view) this.#views.delete(offset);
      this.#used--;
      if (!this.#closed) this.#free(offset, view.uses);
      else if (this.#used === 0) this.#memory.unmap();
    });
    return bytes;
  }

  /** Gives the memory back as soon as nothing uses it. */
  close(): void {
    this.#closed = true;
    if (this.#used === 0) this.#memory.unmap();
    else this.#memory.closeFile();
  }
}
