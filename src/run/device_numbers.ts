/**
 * Numbers of a graph on a device.
 *
 * @module
 */

import { type Device, type DType, DTYPES, newArray, Storage, targetOf } from "../runtime/mod.ts";
import type { TypedArray } from "../runtime/mod.ts";

/** Kernels may read a few numbers at once. */
const ALIGNMENT = 16;

/** Where the packed numbers of a run are read, those of each type in one piece. */
export class Packs {
  readonly #addresses: ReadonlyMap<DType, number>;

  /** @param addresses of the numbers of each type */
  constructor(addresses: ReadonlyMap<DType, number>) {
    this.#addresses = addresses;
  }

  /** Address of all numbers of a type. */
  pack(dtype: DType): number {
    return this.#addresses.get(dtype)!;
  }

  /** Address of one of them, where the device knows places within memory. */
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
  send(others: readonly Storage[]): { numbers: Packs; others: readonly number[] };
}

/** Numbers on a device, `counts` of each type. */
export function deviceNumbers(device: Device, counts: ReadonlyMap<DType, number>): DeviceNumbers {
  return targetOf(device).offsets ? new OneBlock(device, counts) : new Blocks(device, counts);
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
  #numbers: Packs = new Packs(new Map());

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
      host.set(bytesOf(value), at);
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

/** A block for each type and for each tensor, where the device knows no places within a block. */
class Blocks implements DeviceNumbers {
  readonly packs = new Map<DType, TypedArray>();
  readonly #device: Device;
  readonly #blocks = new Map<DType, Block>();
  readonly #others: Block[] = [];
  readonly #numbers: Packs;

  constructor(device: Device, counts: ReadonlyMap<DType, number>) {
    this.#device = device;
    for (const [dtype, count] of counts) {
      const pack = newArray(dtype, count);
      this.packs.set(dtype, pack);
      this.#blocks.set(dtype, new Block(pack, dtype, device));
    }
    this.#numbers = new Packs(
      new Map([...this.#blocks].map(([dtype, { address }]) => [dtype, address])),
    );
  }

  send(others: readonly Storage[]) {
    for (const [dtype, block] of this.#blocks) block.set(this.packs.get(dtype)!);
    const addresses = others.map((storage, i) => {
      const value = storage.host(), { dtype } = storage;
      if (this.#others[i]?.dtype !== dtype) {
        this.#others[i] = new Block(value, dtype, this.#device);
      } else this.#others[i].set(value);
      return this.#others[i].address;
    });
    return { numbers: this.#numbers, others: addresses };
  }
}

/** A few numbers on a device; they are copied where they have changed. */
class Block {
  readonly dtype: DType;
  readonly #sent: Uint8Array;
  readonly #storage: Storage;

  constructor(values: TypedArray, dtype: DType, device: Device) {
    this.dtype = dtype;
    this.#sent = bytesOf(values).slice();
    this.#storage = Storage.from(values, dtype, device);
  }

  get address(): number {
    return this.#storage.address;
  }

  set(values: TypedArray): void {
    const bytes = bytesOf(values);
    if (sameBytes(bytes, this.#sent)) return;
    this.#sent.set(bytes);
    this.#storage.write(bytes);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
