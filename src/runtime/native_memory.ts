/**
 * Memory outside the JavaScript heap, for what may outlast this thread of JavaScript.
 *
 * @module
 */

import { check, ort } from "./api.ts";
import { BlockPool } from "./block_pool.ts";
import { outPointer, pointerTo } from "./ffi.ts";

/** What holds nothing has an address, too. */
const MIN_BYTES = 8;

const MAX_POOLED_BYTES = 256 * 2 ** 20;

/**
 * A block of memory that no garbage collector moves or frees behind the back of native code. It goes
 * back when its last user releases it, or when it is collected. Where JavaScript ends before, as in a
 * Worker that is terminated or after an uncaught error, it stays: a run under way may be using it.
 */
export class NativeMemory {
  /** Where it begins. */
  readonly address: number;
  /**
   * The memory. It must not leave the runtime: whoever holds it does not keep the block alive. The
   * engine counts it, so that much native memory makes it collect as much as memory of its own does.
   */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Takes the contents back to the JavaScript heap and releases the block; see `releaseAll`. */
  giveUp: (() => void) | undefined;
  #users = 1;

  private constructor(address: number, bytes: number) {
    this.address = address;
    blocks.set(address, new WeakRef(this));
    const pointer = pointerTo(address) as Deno.PointerObject;
    this.bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, bytes));
    collected.register(this, { address, bytes }, this);
  }

  /**
   * A block with undefined contents and one user.
   *
   * @throws {BackendError} where the memory does not suffice
   */
  static allocate(bytes: number): NativeMemory {
    const size = Math.max(bytes, MIN_BYTES);
    return new NativeMemory(pool.take(size) ?? allocate(size), size);
  }

  /** Adds a user. */
  retain(): this {
    this.#users++;
    return this;
  }

  /** Takes a user away; the last one gives the block back. */
  release(): void {
    if (--this.#users > 0) return;
    collected.unregister(this);
    blocks.delete(this.address);
    pool.give(this.bytes.length, this.address);
  }
}

/** Blocks in use, by address. */
const blocks = new Map<number, WeakRef<NativeMemory>>();

const collected = new FinalizationRegistry<{ address: number; bytes: number }>(
  ({ address, bytes }) => {
    blocks.delete(address);
    pool.give(bytes, address);
  },
);

const pool = new BlockPool<number>(MAX_POOLED_BYTES, (address) => {
  const { fn } = ort();
  check(fn.AllocatorFree(allocator(), pointerTo(address)), "freeing memory");
});

/** Bytes of blocks without a user that are kept for the next ones. */
export function pooledNativeBytes(): number {
  return pool.bytes;
}

/** Gives everything back that this thread holds: the collector of a thread that ends does not. */
export function releaseAllNative(): void {
  for (const block of [...blocks.values()]) block.deref()?.giveUp?.();
  pool.clear();
}

function allocate(bytes: number): number {
  const { fn } = ort();
  const attempt = () =>
    outPointer((out) =>
      check(fn.AllocatorAlloc(allocator(), BigInt(bytes), out), `allocating ${bytes} bytes`)
    );
  let pointer: Deno.PointerValue;
  try {
    pointer = attempt();
  } catch {
    // Memory that only the pool holds must not make an allocation fail.
    pool.clear();
    pointer = attempt();
  }
  return Number(Deno.UnsafePointer.value(pointer));
}

let found: Deno.PointerValue = null;

/** ONNX Runtime's allocator of host memory, which every system has and which is never freed. */
function allocator(): Deno.PointerValue {
  return found ??= outPointer((out) =>
    check(ort().fn.GetAllocatorWithDefaultOptions(out), "finding the allocator")
  );
}
