/**
 * Memory of small values, several to a block.
 *
 * @module
 */

import { type DType, DTYPES, type TypedArray } from "./dtype.ts";
import { hostAddress } from "./ops_library.ts";

/** Bytes up to which a value shares a block. */
export const SMALL_BYTES = 1024;

/** Sizes are rounded up to this times a power of two. */
const UNIT = 16;

/** Values of a block. A value that is kept keeps its block, which is as little as its size is. */
const VALUES = 16;

/** Elements up to which they are copied one by one. */
const FEW = 16;

/** Memory of values of about one size. */
export class SmallBlock {
  /** Where it begins. */
  readonly address: number;
  readonly #buffer: ArrayBuffer;
  readonly #size: number;
  readonly #views: Partial<Record<DType, TypedArray>> = {};
  #used = 0;

  constructor(size: number) {
    this.#size = size;
    this.#buffer = new ArrayBuffer(size * VALUES);
    this.address = hostAddress(new Uint8Array(this.#buffer));
  }

  /** Whether all of its places are taken. */
  get full(): boolean {
    return this.#used === VALUES;
  }

  /** Takes a place; returns where it begins, in bytes from the beginning of the block. */
  take(): number {
    return this.#size * this.#used++;
  }

  /** A copy of the elements in a place. */
  read(dtype: DType, at: number, length: number): TypedArray {
    const { bytes, view, make } = DTYPES[dtype];
    const all = this.#views[dtype] ??= view(this.#buffer, 0, this.#buffer.byteLength / bytes);
    const from = at / bytes, copy = make(length);
    // Few elements are copied one by one before an array for the others is made.
    if (length > FEW) copy.set(all.subarray(from, from + length) as never);
    else for (let i = 0; i < length; i++) copy[i] = all[from + i];
    return copy;
  }
}

const open: (SmallBlock | undefined)[] = [];

/** A block with a place for so many bytes, at most `SMALL_BYTES`. */
export function smallBlock(bytes: number): SmallBlock {
  const shift = bytes <= UNIT ? 0 : 32 - Math.clz32((bytes - 1) / UNIT);
  const block = open[shift];
  if (block !== undefined && !block.full) return block;
  return open[shift] = new SmallBlock(UNIT << shift);
}
