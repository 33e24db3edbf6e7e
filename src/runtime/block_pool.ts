/**
 * Memory that was given back, kept for the next allocation of the same size.
 *
 * @module
 */

/**
 * Freed blocks by size. Fresh memory is dear: the system maps and clears it page by page, which takes
 * ten times as long as writing to memory in use, and `cudaMalloc` and `cudaFree` wait for the device.
 */
export class BlockPool<Block> {
  readonly #blocks = new Map<number, Block[]>();
  readonly #limit: number;
  readonly #release: (block: Block) => void;
  #bytes = 0;

  /**
   * @param limit most bytes to keep; the sizes that were used longest ago go first
   * @param release frees a block that is not kept
   */
  constructor(limit: number, release: (block: Block) => void) {
    this.#limit = limit;
    this.#release = release;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A kept block of exactly this size, no longer kept; undefined where there is none. */
  take(bytes: number): Block | undefined {
    const blocks = this.#blocks.get(bytes);
    const block = blocks?.pop();
    if (block === undefined) return undefined;
    this.#bytes -= bytes;
    this.#blocks.delete(bytes);
    if (blocks!.length > 0) this.#blocks.set(bytes, blocks!);
    return block;
  }

  /** Keeps a block that nothing uses any more. */
  give(bytes: number, block: Block): void {
    if (bytes > this.#limit) return this.#release(block);
    const blocks = this.#blocks.get(bytes) ?? [];
    blocks.push(block);
    this.#blocks.delete(bytes);
    this.#blocks.set(bytes, blocks);
    this.#bytes += bytes;
    for (const [size, oldest] of this.#blocks) {
      while (this.#bytes > this.#limit && oldest.length > 0) {
        this.#release(oldest.shift()!);
        this.#bytes -= size;
      }
      if (oldest.length === 0) this.#blocks.delete(size);
      if (this.#bytes <= this.#limit) break;
    }
  }

  /** Frees every block. */
  clear(): void {
    for (const blocks of this.#blocks.values()) blocks.forEach(this.#release);
    this.#blocks.clear();
    this.#bytes = 0;
  }
}
