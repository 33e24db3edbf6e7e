/**
 * Numbers of a graph on a device.
 *
 * @module
 */

import { type Device, driverOf, type DType, DTYPES, newArray, Storage } from "../runtime/mod.ts";
import type { TypedArray } from "../runtime/mod.ts";

/** Kernels may read a few numbers at once. */
const ALIGNMENT = 16;

/** Where the packed numbers of a run are read. */
export interface NumberPlaces {
  /** Address of all numbers of a type. */
  pack(dtype: DType): number;
  /** Address of one of them. */
  at(dtype: DType, slot: number): number;
}

/** Packed numbers that lie in one piece for each type. */
export class Packs implements NumberPlaces {
  readonly #addresses: ReadonlyMap<DType, number>;

  /** @param addresses of the numbers of each type */
  constructor(addresses: ReadonlyMap<DType, number>) {
    this.#addresses = addresses;
  }

  /** See {@linkcode NumberPlaces}. */
  pack(dtype: DType): number {
    return this.#addresses.get(dtype)!;
  }

  /** See {@linkcode NumberPlaces}. */
  at(dtype: DType, slot: number): number {
    return this.pack(dtype) + slot * DTYPES[dtype].bytes;
  }
}

/** The numbers of a graph's runs on a device, one run after another. */
export interface DeviceNumbers {
  /** The numbers of each type, to be written ahead of a run. */
  readonly packs: ReadonlyMap<DType, TypedArray>;
  /**
   * Copies what has changed since the last run, with tensors of one element that lie elsewhere.
   *
   * @returns where the numbers lie, the same object as before where they lie where they lay; and the
   *   addresses of the others
   */
  send(others: readonly Storage[]): { numbers: NumberPlaces; others: readonly number[] };
}

/** Numbers on a device, `counts` of each type. */
export function deviceNumbers(device: Device, counts: ReadonlyMap<DType, number>): DeviceNumbers {
  return driverOf(device).offsets ? new OneBlock(device, counts) : new BlockForEach(device, counts);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** All of them in one block of memory, which one copy brings. */
class OneBlock implements DeviceNumbers {
  readonly packs = new Map<DType, TypedArray>();
  readonly #device: Device;
  /** Bytes of the packs; what comes from elsewhere follows. */
  readonly #packed: number;
  readonly #offsets = new Map<DType, number>();
  #host = new Uint8Array(0);
  #sent = new Uint8Array(0);
  #block: Storage | null = null;
  #numbers: NumberPlaces = new Packs(new Map());

  constructor(device: Device, counts: ReadonlyMap<DType, number>) {
    this.#device = device;
    let at = 0;
    for (const [dtype, count] of counts) {
      this.#offsets.set(dtype, at);
      this.packs.set(dtype, newArray(dtype, count));
      at += padded(count * DTYPES[dtype].bytes);
    }
    this.#packed = at;
  }

  send(others: readonly Storage[]) {
    const size = this.#packed + others.length * ALIGNMENT;
    if (size > 0 && (this.#block === null || size > this.#host.length)) this.#grow(size);
    const host = this.#host, addresses: number[] = [];
    others.forEach((storage, i) => {
      const at = this.#packed + i * ALIGNMENT, value = storage.host();
      host.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), at);
      addresses.push(this.#block!.address + at);
    });
    if (this.#block !== null && !sameBytes(host, this.#sent)) {
      this.#block.write(host);
      this.#sent.set(host);
    }
    return { numbers: this.#numbers, others: addresses };
  }

  #grow(size: number): void {
    const host = new Uint8Array(new ArrayBuffer(size));
    for (const [dtype, pack] of this.packs) {
      const at = this.#offsets.get(dtype)!;
      const own = DTYPES[dtype].view(host.buffer, at, pack.length);
      own.set(pack as never);
      this.packs.set(dtype, own);
    }
    this.#host = host;
    this.#block = Storage.from(host, "uint8", this.#device);
    this.#sent = host.slice();
    const { address } = this.#block;
    this.#numbers = new Packs(
      new Map([...this.#offsets].map(([type, at]) => [type, address + at])),
    );
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A block for each number, where the device knows no places within a block. */
class BlockForEach implements DeviceNumbers, NumberPlaces {
  readonly packs = new Map<DType, TypedArray>();
  readonly #device: Device;
  readonly #blocks = new Map<DType, (NumberBlock | undefined)[]>();
  readonly #others: NumberBlock[] = [];

  constructor(device: Device, counts: ReadonlyMap<DType, number>) {
    this.#device = device;
    for (const [dtype, count] of counts) {
      this.packs.set(dtype, newArray(dtype, count));
      this.#blocks.set(dtype, new Array(count));
    }
  }

  pack(dtype: DType): number {
    throw new Error(`internal: the numbers (${dtype}) do not lie in one piece on ${this.#device}`);
  }

  at(dtype: DType, slot: number): number {
    const blocks = this.#blocks.get(dtype)!, pack = this.packs.get(dtype)!;
    const block = blocks[slot] ??= new NumberBlock(dtype, this.#device, pack[slot]);
    return block.address;
  }

  send(others: readonly Storage[]) {
    for (const [dtype, blocks] of this.#blocks) {
      const pack = this.packs.get(dtype)!;
      for (let i = 0; i < blocks.length; i++) blocks[i]?.set(pack[i]);
    }
    const addresses = others.map((storage, i) => {
      const value = storage.host()[0], { dtype } = storage;
      if (this.#others[i]?.dtype !== dtype) {
        this.#others[i] = new NumberBlock(dtype, this.#device, value);
      } else this.#others[i].set(value);
      return this.#others[i].address;
    });
    return { numbers: this, others: addresses };
  }
}

/** One number on a device; it is copied where it has changed. */
class NumberBlock {
  readonly dtype: DType;
  readonly #value: TypedArray;
  readonly #storage: Storage;

  constructor(dtype: DType, device: Device, value: number | bigint) {
    this.dtype = dtype;
    this.#value = newArray(dtype, 1);
    this.#value[0] = value;
    this.#storage = Storage.from(this.#value, dtype, device);
  }

  get address(): number {
    return this.#storage.address;
  }

  set(value: number | bigint): void {
    if (Object.is(value, this.#value[0])) return;
    this.#value[0] = value;
    this.#storage.write(new Uint8Array(this.#value.buffer));
  }
}
