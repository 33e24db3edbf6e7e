/**
 * Placement of intermediate values in one block of memory.
 *
 * @module
 */

interface Block {
  offset: number;
  size: number;
}

/** A block in use, and the step after which it is free. */
interface Used extends Block {
  to: number;
}

/**
 * First fit over a list of free blocks. A value lives from the step that makes it to the last one that
 * reads it; then its place is free for later steps.
 */
export class ArenaPlan {
  #align: number;
  /** The block of each value. */
  #blocks: Used[] = [];
  /** Free blocks by offset; the last reaches to the end of memory. */
  #free: Block[] = [{ offset: 0, size: Infinity }];
  /** Blocks in use, by the step after which they are free. */
  #ending = new Map<number, Set<Used>>();
  #now = 0;
  #total = 0;

  /** Plans for values of one type; offsets are in elements, multiples of `align`. */
  constructor(align: number) {
    this.#align = align;
  }

  /** Number of values. */
  get count(): number {
    return this.#blocks.length;
  }

  /**
   * Places a value of `elements` that lives through steps `from`..`to`; returns its index. Calls come
   * in the order of `from`.
   */
  add(elements: number, from: number, to: number): number {
    for (; this.#now < from; this.#now++) {
      for (const block of this.#ending.get(this.#now) ?? []) this.#release(block);
      this.#ending.delete(this.#now);
    }
    const size = Math.ceil(elements / this.#align) * this.#align;
    const at = this.#free.findIndex((b) => b.size >= size);
    const home = this.#free[at];
    const block = { offset: home.offset, size, to };
    if (home.size === size) this.#free.splice(at, 1);
    else {
      home.offset += size;
      home.size -= size;
    }
    this.#total = Math.max(this.#total, block.offset + size);
    return this.#use(block);
  }

  /**
   * Puts a value that lives to step `to` where another value of its size lives to the present step, which
   * writes the one over the other; returns its index.
   */
  addOver(index: number, to: number): number {
    const { offset, size, to: end } = this.#blocks[index];
    this.#ending.get(end)!.delete(this.#blocks[index]);
    return this.#use({ offset, size, to });
  }

  #use(block: Used): number {
    const set = this.#ending.get(block.to);
    if (set === undefined) this.#ending.set(block.to, new Set([block]));
    else set.add(block);
    return this.#blocks.push(block) - 1;
  }

  /** Gives a block back, joined with free neighbours. */
  #release(block: Block): void {
    const free = this.#free;
    let at = 0;
    while (free[at].offset < block.offset) at++;
    const next = free[at], before = free[at - 1];
    if (block.offset + block.size === next.offset) {
      next.offset = block.offset;
      next.size += block.size;
    } else free.splice(at, 0, { offset: block.offset, size: block.size });
    if (before !== undefined && before.offset + before.size === free[at].offset) {
      before.size += free[at].size;
      free.splice(at, 1);
    }
  }

  /** Offset of each value, then the total size. */
  offsets(): number[] {
    return [...this.#blocks.map(({ offset }) => offset), this.#total];
  }
}
