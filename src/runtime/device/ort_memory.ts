/**
 * Memory of a device through ONNX Runtime's own interface: its allocators and its copies. It needs
 * nothing of the device's own libraries, so that every execution provider with an allocator serves.
 *
 * @module
 */

import { check, ort, takeMessage } from "../api.ts";
import { BlockPool } from "../block_pool.ts";
import { environment, LOG_FATAL } from "../env.ts";
import { BackendError, OutOfMemoryError } from "../errors.ts";
import { bufferAddress, cString, outPointer, pointerTo } from "../ffi.ts";
import type { DeviceMemory } from "./driver.ts";

const DEVICE_ALLOCATOR = 0;
const DEFAULT_MEMORY = 0;
const UINT8 = 2;
const MAX_POOLED_BYTES = 2 ** 30;

/** A model of one node, `y = -x` for one float: ONNX Runtime hands out the allocators of sessions. */
const SMALLEST_MODEL = Uint8Array.from(
  atob("CAk6MgoLCgF4EgF5IgNOZWcSAWdaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAS"),
  (char) => char.charCodeAt(0),
);

/** Work that a device does in the order in which it was put there. */
export interface DeviceQueue {
  /** Waits until all of it is done. */
  wait(): void;
  /** Copies from the host when its turn comes; `from` may change as soon as this returns. */
  write(address: number, from: Uint8Array): void;
}

/** What a device is for ONNX Runtime. */
export interface OrtMemoryOptions {
  /** Name of its memory there, such as `"Cuda"`. */
  readonly name: string;
  /** Number of the device. */
  readonly index: number;
  /** What it is called in messages. */
  readonly label: string;
  /** Makes sessions with these options (`OrtSessionOptions*`) run on it. */
  readonly appendProvider: (options: Deno.PointerValue) => void;
  /** Copies have to be of a multiple of so many bytes, a power of two (default 1). */
  readonly granularity?: number;
  /** Where runs may still be under way when they return: the queue that they are in. */
  readonly queue?: DeviceQueue;
  /** Most bytes of freed memory to keep for later (default 1 GiB). */
  readonly pooledBytes?: number;
}

/** Memory of a device, and how ONNX Runtime names it. */
export interface OrtMemory {
  /** `OrtMemoryInfo*` of the memory. */
  readonly info: Deno.PointerValue;
  /** The memory. */
  readonly memory: DeviceMemory;
}

/**
 * Opens the memory of a device. Its sessions need not exist yet: one of a single node is made for the
 * allocator, and stays.
 *
 * @throws {BackendError} where ONNX Runtime cannot use the device
 */
export function openOrtMemory(options: OrtMemoryOptions): OrtMemory {
  const { name, index, appendProvider } = options;
  const { fn } = ort();
  keepEnvironment();
  const settings = outPointer((out) => check(fn.CreateSessionOptions(out), "creating options"));
  let session: Deno.PointerValue;
  try {
    check(fn.SetIntraOpNumThreads(settings, 1), "setting the thread count");
    appendProvider(settings);
    const bytes = BigInt(SMALLEST_MODEL.length);
    session = outPointer((out) =>
      check(
        fn.CreateSessionFromArray(environment().env, SMALLEST_MODEL, bytes, settings, out),
        `opening ${options.label}`,
      )
    );
  } finally {
    fn.ReleaseSessionOptions(settings);
  }
  const info = outPointer((out) =>
    check(
      fn.CreateMemoryInfo(cString(name), DEVICE_ALLOCATOR, index, DEFAULT_MEMORY, out),
      `describing the memory of ${options.label}`,
    )
  );
  const allocator = outPointer((out) =>
    check(fn.CreateAllocator(session, info, out), `getting the allocator of ${options.label}`)
  );
  return { info, memory: new Memory(options, info, allocator) };
}

class Memory implements DeviceMemory {
  readonly #options: OrtMemoryOptions;
  readonly #info: Deno.PointerValue;
  readonly #allocator: Deno.PointerValue;
  readonly #granularity: number;
  readonly #pool: BlockPool<number>;
  #usedBytes = 0;
  /** Why there was no block. */
  #refusal = "";
  /** Where copies of an odd size lie on the host. */
  #staging = new Uint8Array(new ArrayBuffer(0));

  constructor(options: OrtMemoryOptions, info: Deno.PointerValue, allocator: Deno.PointerValue) {
    this.#options = options;
    this.#info = info;
    this.#allocator = allocator;
    this.#granularity = options.granularity ?? 1;
    this.#pool = new BlockPool(
      options.pooledBytes ?? MAX_POOLED_BYTES,
      (address) => check(ort().fn.AllocatorFree(allocator, pointerTo(address)), "freeing memory"),
    );
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get pooledBytes(): number {
    return this.#pool.bytes;
  }

  allocate(bytes: number): number {
    const size = this.#rounded(bytes);
    let address = this.#pool.take(size) ?? this.#fresh(size);
    if (address === 0 && this.#pool.bytes > 0) {
      // Memory that only the pool holds must not make an allocation fail.
      this.#pool.clear();
      address = this.#fresh(size);
    }
    if (address === 0) {
      throw new OutOfMemoryError(
        `memory: ${this.#options.label} has none for ${bytes} bytes; ${this.#usedBytes} bytes are in ` +
          `use by tensors there. Take smaller batches, dispose() of what is not needed, or move it ` +
          `to("cpu"). (${this.#refusal})`,
      );
    }
    this.#usedBytes += size;
    return address;
  }

  free(address: number, bytes: number): void {
    const size = this.#rounded(bytes);
    this.#usedBytes -= size;
    this.#pool.give(size, address);
  }

  trim(): void {
    this.#pool.clear();
  }

  read(address: number, into: Uint8Array): void {
    const { length } = into;
    if (length === 0) return;
    this.#options.queue?.wait();
    const host = this.#onHost(into);
    this.#copy(this.#bytes(this.#info, address, host), this.#bytes(null, host, host));
    if (host !== into) into.set(host.subarray(0, length));
  }

  write(address: number, from: Uint8Array): void {
    if (from.length === 0) return;
    if (this.#options.queue !== undefined) return this.#options.queue.write(address, from);
    const host = this.#onHost(from);
    if (host !== from) host.set(from);
    this.#copy(this.#bytes(null, host, host), this.#bytes(this.#info, address, host));
  }

  #rounded(bytes: number): number {
    return (bytes + this.#granularity - 1) & -this.#granularity;
  }

  /** A new block; 0 where there is none. */
  #fresh(bytes: number): number {
    const out = new BigUint64Array(new ArrayBuffer(8));
    const status = ort().fn.AllocatorAlloc(this.#allocator, BigInt(bytes), out);
    if (status === null && out[0] !== 0n) return Number(out[0]);
    this.#refusal = status === null ? "the allocator gave no address" : takeMessage(status);
    return 0;
  }

  /** An array of an allowed size in the place of one on the host. */
  #onHost(array: Uint8Array): Uint8Array {
    const size = this.#rounded(array.length);
    if (size === array.length) return array;
    if (this.#staging.length < size) this.#staging = new Uint8Array(new ArrayBuffer(2 * size));
    return this.#staging.subarray(0, size);
  }

  /** Memory as a tensor of bytes, as long as an array: on the host (`info` null), or on the device. */
  #bytes(info: Deno.PointerValue, place: number | Uint8Array, { length }: Uint8Array) {
    const address = typeof place === "number" ? place : bufferAddress(place);
    const { fn } = ort(), size = BigInt(length);
    return outPointer((out) =>
      check(
        fn.CreateTensorWithDataAsOrtValue(
          info ?? environment().hostMemory,
          pointerTo(address),
          size,
          BigInt64Array.of(size),
          1n,
          UINT8,
          out,
        ),
        "describing memory",
      )
    );
  }

  #copy(from: Deno.PointerValue, to: Deno.PointerValue): void {
    const { fn } = ort(),
      list = (value: Deno.PointerValue) =>
        BigUint64Array.of(BigInt(Deno.UnsafePointer.value(value)));
    try {
      check(
        fn.CopyTensors(environment().env, list(from), list(to), null, 1n),
        `copying to or from ${this.#options.label}`,
      );
    } finally {
      fn.ReleaseValue(from);
      fn.ReleaseValue(to);
    }
  }
}

let kept = false;

/**
 * Holds on to ONNX Runtime's environment for the rest of the process: with the last reference to it
 * the provider's library would be unloaded, under memory that tensors still have.
 */
function keepEnvironment(): void {
  environment();
  if (kept) return;
  kept = true;
  outPointer((out) => check(ort().fn.CreateEnv(LOG_FATAL, cString("torchopt"), out), "keeping"));
}

/**
 * Makes a provider's library known to the environment: without, tensors on its devices cannot be
 * copied. Doing it twice, in two threads say, is no error.
 *
 * @throws {BackendError} where it cannot be loaded
 */
export function registerProvider(name: string, path: string): void {
  keepEnvironment();
  const { fn } = ort();
  const status = fn.RegisterExecutionProviderLibrary(
    environment().env,
    cString(name),
    cString(path),
  );
  if (status === null) return;
  const message = takeMessage(status);
  if (!/already registered/i.test(message)) {
    throw new BackendError(`loading ${path}: ${message}`);
  }
}
