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

/**
 * Values of a block: a block costs as much as 20 of them, and a value that is kept keeps its block, which
 * is the smaller the smaller its values are.
 */
const MOST = 64, LEAST = 16, BLOCK_BYTES = 4096;

/** Elements up to which they are copied one by one. */
const FEW = 16;

/** Memory of values of about one size. */
export class SmallBlock {
  /** Where it begins. */
  readonly address: number;
  readonly #buffer: ArrayBuffer;
  readonly #size: number;
  readonly #values: number;
  readonly #views: Partial<Record<DType, TypedArray>> = {};
  #used = 0;

  constructor(size: number) {
    this.#size = size;
    this.#values = Math.max(LEAST, Math.min(MOST, BLOCK_BYTES / size));
    this.#buffer = new ArrayBuffer(size * this.#values);
    this.address = hostAddress(new Uint8Array(this.#buffer));
  }

  /** Whether all of its places are taken. */
  get full(): boolean {
    return this.#used === this.#values;
  }

  /** Takes a place; returns where it begins, in bytes from the beginning of the block. */
  take(): number {
    return this.#size * this.#used++;
  }

  /** The first element in a place. */
  first(dtype: DType, at: number): number | bigint {
    return this.#view(dtype)[at / DTYPES[dtype].bytes];
  }

  /** A copy of the elements in a place. */
  read(dtype: DType, at: number, length: number): TypedArray {
    const { bytes, make } = DTYPES[dtype];
    const all = this.#view(dtype), from = at / bytes, copy = make(length);
    // Few elements are copied one by one before an array for the others is made.
    if (length > FEW) copy.set(all.subarray(from, from + length) as never);
    else for (let i = 0; i < length; i++) copy[i] = all[from + i];
    return copy;
  }

  #view(dtype: DType): TypedArray {
    const { bytes, view } = DTYPES[dtype];
    return this.#views[dtype] ??= view(this.#buffer, 0, this.#buffer.byteLength / bytes);
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
