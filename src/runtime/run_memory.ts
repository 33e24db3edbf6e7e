/**
 * Where the values of one asynchronous run lie.
 *
 * @module
 */

import type { TypedArray } from "./dtype.ts";
import { NativeMemory } from "./native_memory.ts";
import { bytesOf, isLarge, type Storage } from "./storage.ts";

/** Kernels read whole vectors. */
const ALIGNMENT = 64;

/**
 * The memory of one asynchronous run on the CPU. The run reads and writes on another thread, where it
 * cannot be stopped, while JavaScript may end at any time: a Worker is terminated, an error remains
 * uncaught, a test is over. The engine then frees what its buffers hold. So none of this lies in a
 * buffer of the engine: large storages move out of the JavaScript heap, small ones are copied.
 */
export class RunMemory {
  readonly #small: NativeMemory;
  readonly #large: NativeMemory[] = [];
  readonly #results: { storage: Storage; memory: NativeMemory; at: number }[] = [];
  #used = 0;

  /** @param sizes bytes of everything that the methods are asked for */
  constructor(sizes: Iterable<number>) {
    let bytes = 0;
    for (const size of sizes) if (!isLarge(size)) bytes += padded(size);
    this.#small = NativeMemory.allocate(bytes);
  }

  /** Address of the elements of a storage, which is read. */
  input(storage: Storage): number {
    if (!isLarge(storage.byteLength)) return this.copy(storage.host());
    const memory = storage.leaveHeap().retain();
    this.#large.push(memory);
    return memory.address;
  }

  /** Address of a copy of an array. */
  copy(array: TypedArray): number {
    if (isLarge(array.byteLength)) {
      const memory = NativeMemory.allocate(array.byteLength);
      memory.bytes.set(bytesOf(array));
      this.#large.push(memory);
      return memory.address;
    }
    const at = this.#take(array.byteLength);
    this.#small.bytes.set(bytesOf(array), at);
    return this.#small.address + at;
  }

  /** Address of memory that the run writes, and that {@linkcode RunMemory.finish} gives to a storage. */
  output(storage: Storage): number {
    const large = isLarge(storage.byteLength);
    const memory = large ? NativeMemory.allocate(storage.byteLength) : this.#small;
    const at = large ? 0 : this.#take(storage.byteLength);
    if (large) this.#large.push(memory);
    this.#results.push({ storage, memory, at });
    return memory.address + at;
  }

  /** Gives the results to their storages, once the run has succeeded. */
  finish(): void {
    for (const { storage, memory, at } of this.#results) {
      if (memory !== this.#small) storage.adopt(memory.retain());
      else bytesOf(storage.host()).set(memory.bytes.subarray(at, at + storage.byteLength));
    }
  }

  /** Gives the memory back; the run is over. */
  release(): void {
    this.#small.release();
    for (const memory of this.#large) memory.release();
    this.#large.length = 0;
    this.#results.length = 0;
  }

  #take(bytes: number): number {
    const at = this.#used;
    this.#used += padded(bytes);
    return at;
  }
}

function padded(bytes: number): number {
  // What holds nothing has a place of its own, too.
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}
