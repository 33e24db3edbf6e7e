/**
 * The memory of one tensor.
 *
 * @module
 */

import { BlockPool } from "./block_pool.ts";
import { counters, TRACKED_BYTES } from "./counters.ts";
import { type Device, HOST, isOnHost, openDevice } from "./device/mod.ts";
import type { DeviceMemory, RandomDraw } from "./device/driver.ts";
import { type DType, DTYPES, type TypedArray } from "./dtype.ts";
import { BackendError } from "./errors.ts";
import { NativeMemory, pooledNativeBytes } from "./native_memory.ts";
import { hostAddress } from "./ops_library.ts";
import { SMALL_BYTES, type SmallBlock, smallBlock } from "./small_blocks.ts";

const collected = new FinalizationRegistry<number>((bytes) => {
  counters.liveStorages--;
  counters.liveBytes -= bytes;
});

const collectedOnDevice = new FinalizationRegistry<
  { memory: DeviceMemory; address: number; bytes: number }
>(({ memory, address, bytes }) => memory.free(address, bytes));

/** Buffers of disposed storages. Small ones are cheaper to allocate anew. */
const pool = new BlockPool<ArrayBuffer>(256 * 2 ** 20, () => {});
const MIN_POOLED_BYTES = 32 * 1024;

/** Least size of an allocation: a tensor without elements still needs an address. */
const MIN_BYTES = 8;

/** Random numbers from which on a device makes them: fewer are copied sooner. */
const WORTH_KERNEL = 1024;

/** What tensors without elements point to. */
const nothing = new Uint8Array(MIN_BYTES);

/** Whether memory of this size is worth a block of its own; less is copied. */
export function isLarge(bytes: number): boolean {
  return bytes >= MIN_POOLED_BYTES;
}

/**
 * The memory of one tensor, on the host or on another device. Host memory is an `ArrayBuffer` and
 * nothing else, so that the garbage collector alone frees it; what asynchronous runs use has left the
 * JavaScript heap and is freed, as device memory is, when the storage is collected.
 * {@linkcode Storage.dispose} frees all of it early.
 */
export class Storage {
  /** Element type. */
  readonly dtype: DType;
  /** Number of elements. */
  readonly length: number;
  /** Bytes of all elements. */
  readonly byteLength: number;
  /** Where the memory is. */
  readonly device: Device;
  /** Number of times the memory was overwritten in place; whoever overwrites it counts it up. */
  version = 0;
  /** Whether values that were not computed yet need the contents; a run writes elsewhere then. */
  shared = false;
  /**
   * Memory of the value before the latest update, where that went elsewhere: the next update takes it.
   */
  former: Storage | null = null;
  /** Whether another process sees the memory, so that it is never written over. */
  lent = false;
  /** Whether the elements were handed out as an array, through which they may be changed unseen. */
  handedOut = false;
  /** Scratch of those who go through many storages: a number for each way, and what was found there. */
  mark = 0;
  /** Scratch, as `mark`. */
  local = 0;
  #freed = false;
  /** Where it is not in the memory of the host. */
  #memory: DeviceMemory | null = null;
  #buffer: ArrayBufferLike | undefined;
  #block: SmallBlock | undefined;
  #at = 0;
  #native: NativeMemory | undefined;
  #view: TypedArray | undefined;
  #copy: TypedArray | undefined;
  #copyVersion = 0;
  #address = 0;

  private constructor(
    dtype: DType,
    length: number,
    device: Device,
    buffer?: ArrayBufferLike,
    view?: TypedArray,
  ) {
    this.dtype = dtype;
    this.length = length;
    const bytes = length * DTYPES[dtype].bytes;
    this.byteLength = bytes;
    this.device = device;
    if (isOnHost(device)) {
      this.#view = view;
      this.#buffer = buffer;
    } else {
      const memory = openDevice(device).memory!, size = Math.max(bytes, MIN_BYTES);
      const address = memory.allocate(size);
      this.#memory = memory;
      this.#address = address;
      collectedOnDevice.register(this, { memory, address, bytes: size }, this);
    }
    counters.storagesAllocated++;
    counters.storageBytes += bytes;
    if (bytes >= TRACKED_BYTES) {
      counters.liveStorages++;
      counters.liveBytes += bytes;
      collected.register(this, bytes, this);
    }
  }

  /**
   * Memory for `length` elements, which start with undefined values.
   *
   * @param dtype element type
   * @param length number of elements, 0 allowed
   * @param device where (default `"cpu"`)
   * @throws {RangeError} where `length` is no count or the memory does not suffice
   * @throws {BackendError} where the device is missing
   */
  static alloc(dtype: DType, length: number, device: Device = HOST): Storage {
    if (!(length >= 0 && Number.isSafeInteger(length))) {
      throw new RangeError(`Storage.alloc: length is ${length}, wanted an integer of at least 0`);
    }
    return new Storage(dtype, length, device);
  }

  /**
   * Random numbers that a device makes itself; null where it does not, and for few of them.
   *
   * @param dtype `"float32"` or `"float64"`
   */
  static random(
    dtype: "float32" | "float64",
    length: number,
    device: Device,
    draw: Omit<RandomDraw, "isF64">,
  ): Storage | null {
    if (length < WORTH_KERNEL || isOnHost(device)) return null;
    if (openDevice(device).memory?.fillRandom === undefined) return null;
    const storage = new Storage(dtype, length, device), memory = storage.#memory!;
    const isF64 = dtype === "float64";
    return memory.fillRandom!(storage.#address, length, { ...draw, isF64 }) ? storage : null;
  }

  /**
   * Memory for a result, as from {@linkcode Storage.alloc}. Where it is small, it shares a block with
   * others, until the elements are read: {@linkcode Storage.address} is another one afterwards.
   */
  static forResult(dtype: DType, length: number, device: Device): Storage {
    const storage = new Storage(dtype, length, device);
    if (storage.byteLength <= SMALL_BYTES && storage.#memory === null) {
      const block = storage.#block = smallBlock(storage.byteLength);
      storage.#at = block.take();
      storage.#address = block.address + storage.#at;
    }
    return storage;
  }

  /**
   * A storage that holds the elements of `array`. On the CPU it takes over the array's memory without
   * a copy where it can (a fixed-size buffer); from then on array and storage are the same memory.
   *
   * @param array the elements, in the typed array that belongs to `dtype`
   * @param dtype element type
   * @param device where (default `"cpu"`)
   * @throws {TypeError} where the array is not the typed array of `dtype`
   * @throws {RangeError} where an element is out of the range that the device computes in
   * @throws {BackendError} where the device is missing
   */
  static from(array: TypedArray, dtype: DType, device: Device = HOST): Storage {
    if (!DTYPES[dtype].holds(array)) {
      throw new TypeError(
        `Storage.from: got a ${array.constructor.name} for ${dtype}, wanted a ` +
          `${DTYPES[dtype].view(new ArrayBuffer(0), 0, 0).constructor.name}`,
      );
    }
    if (!isOnHost(device)) {
      const refusal = openDevice(device).refuses?.(array) ?? null;
      if (refusal !== null) throw new RangeError(refusal);
      const storage = new Storage(dtype, array.length, device);
      storage.#memory!.write(storage.#address, bytesOf(array));
      return storage;
    }
    // Reading `buffer` moves a small array out of the JavaScript heap, where it could be relocated.
    const buffer = array.buffer;
    const fixed = !(buffer as ArrayBuffer).resizable && !(buffer as SharedArrayBuffer).growable;
    if (array.byteLength > 0 && fixed) {
      return new Storage(dtype, array.length, device, buffer, array);
    }
    const storage = new Storage(dtype, array.length, device);
    bytesOf(storage.host()).set(bytesOf(array));
    return storage;
  }

  /**
   * Writes bytes over those at the beginning of memory on a device. Whoever has read the elements does
   * not see it, unless the version is counted up.
   */
  write(bytes: Uint8Array): void {
    if (this.#freed || this.#memory === null || bytes.length > this.byteLength) this.#gone();
    this.#memory.write(this.#address, bytes);
  }

  /** Whether {@linkcode Storage.host} costs no copy between devices. */
  get onHost(): boolean {
    return this.#memory === null;
  }

  /** Whether {@linkcode Storage.dispose} was called. */
  get freed(): boolean {
    return this.#freed;
  }

  /**
   * Address of the memory. The storage has to stay reachable while native code uses the address.
   *
   * @throws {BackendError} where the memory was freed, or its buffer transferred away
   */
  get address(): number {
    const view = this.#view;
    if (view !== undefined && view.length !== this.length) this.#gone();
    if (this.#address !== 0) return this.#address;
    if (this.#freed) this.#gone();
    // An array without elements has no address.
    if (this.byteLength === 0) return this.#address = hostAddress(nothing);
    // A small array moves out of the JavaScript heap here, see `from`.
    this.#buffer ??= view?.buffer;
    return this.#address = hostAddress(view ?? new Uint8Array(this.#ownBuffer()));
  }

  /**
   * The memory, which leaves the JavaScript heap first if it lies there: it outlasts this thread of
   * JavaScript then, and arrays that {@linkcode Storage.host} gave out stay as they are.
   */
  leaveHeap(): NativeMemory {
    if (this.#native === undefined) {
      const array = this.host();
      this.adopt(NativeMemory.allocate(this.byteLength));
      this.#native!.bytes.set(bytesOf(array));
      this.#copy = array;
      this.#copyVersion = this.version;
    }
    return this.#native!;
  }

  /** Takes over memory outside the JavaScript heap with new contents, and gives up its own. */
  adopt(memory: NativeMemory): void {
    this.#release();
    this.#native = memory;
    this.#address = memory.address;
    memory.giveUp = () => this.#returnToHeap();
  }

  /**
   * The elements. In the JavaScript heap this is the memory itself; from elsewhere it is a copy, kept
   * until {@linkcode Storage.version} changes.
   *
   * @throws {BackendError} where the memory was freed, or its buffer transferred away
   */
  host(): TypedArray {
    if (this.#freed) this.#gone();
    if (this.#memory !== null || this.#native !== undefined) return this.#copyToHost();
    if (this.#block !== undefined) this.#leaveBlock(this.#block);
    const view = this.#view ??= DTYPES[this.dtype].view(this.#ownBuffer(), 0, this.length);
    if (view.length !== this.length) this.#gone();
    return view;
  }

  /** The first element, as {@linkcode Storage.host} has it. */
  first(): number | bigint {
    return this.#block === undefined ? this.host()[0] : this.#block.first(this.dtype, this.#at);
  }

  /**
   * Frees the memory now; a later allocation may use it again. No run that uses the storage may be
   * under way or follow. Reading it afterwards is an error; disposing twice is not.
   */
  dispose(): void {
    if (this.#freed) return;
    this.#freed = true;
    if (this.byteLength >= TRACKED_BYTES) {
      collected.unregister(this);
      counters.liveStorages--;
      counters.liveBytes -= this.byteLength;
    }
    if (this.#memory !== null) {
      collectedOnDevice.unregister(this);
      this.#memory.free(this.#address, Math.max(this.byteLength, MIN_BYTES));
    }
    this.#release();
  }

  /** Same as {@linkcode Storage.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #ownBuffer(): ArrayBufferLike {
    return this.#buffer ??= hostBuffer(this.byteLength);
  }

  /** Moves to memory of its own: what is handed out must not show, or transfer away, that of others. */
  #leaveBlock(block: SmallBlock): void {
    this.#view = block.read(this.dtype, this.#at, this.length);
    this.#block = undefined;
    this.#address = 0;
  }

  #returnToHeap(): void {
    const array = this.host();
    this.#release();
    this.#view = array;
    this.#buffer = array.buffer;
  }

  /** Gives up the memory on the host. */
  #release(): void {
    if (this.#native !== undefined) {
      this.#native.giveUp = undefined;
      this.#native.release();
    }
    // Memory that a view outside refers to is left to the garbage collector.
    if (this.#view === undefined && this.#buffer !== undefined && isLarge(this.byteLength)) {
      pool.give(this.byteLength, this.#buffer as ArrayBuffer);
    }
    counters.pooledBytes = pool.bytes + pooledNativeBytes();
    this.#native = undefined;
    this.#block = undefined;
    this.#buffer = undefined;
    this.#view = undefined;
    this.#copy = undefined;
    this.#address = 0;
  }

  #copyToHost(): TypedArray {
    const { length } = this;
    // An array that was transferred away has no elements left.
    if (this.#copyVersion !== this.version || this.#copy?.length !== length) {
      const copy = DTYPES[this.dtype].view(new ArrayBuffer(this.byteLength), 0, length);
      const bytes = bytesOf(copy);
      if (this.#native !== undefined) bytes.set(this.#native.bytes.subarray(0, bytes.length));
      else this.#memory!.read(this.#address, bytes);
      this.#copy = copy;
      this.#copyVersion = this.version;
    }
    return this.#copy!;
  }

  #gone(): never {
    throw new BackendError(
      this.#freed
        ? `This ${this.dtype} storage of ${this.length} elements was freed by dispose(); ` +
          "keep it until its last use, or let the garbage collector free it"
        : `The buffer of this ${this.dtype} storage of ${this.length} elements was transferred ` +
          "away (postMessage, structuredClone or ArrayBuffer.transfer); give away a copy instead",
    );
  }
}

function hostBuffer(bytes: number): ArrayBuffer {
  if (!isLarge(bytes)) return new ArrayBuffer(bytes > MIN_BYTES ? bytes : MIN_BYTES);
  const pooled = pool.take(bytes);
  counters.pooledBytes = pool.bytes + pooledNativeBytes();
  try {
    return pooled ?? new ArrayBuffer(bytes);
  } catch (cause) {
    throw new RangeError(
      `memory: there is none for a tensor of ${(bytes / 1e9).toPrecision(2)} GB.`,
      { cause },
    );
  }
}

/** The memory of an array as bytes. */
export function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
