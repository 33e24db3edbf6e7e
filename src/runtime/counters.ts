/**
 * Counters of what the runtime made and what is still alive.
 *
 * @module
 */

/** What {@linkcode memory} reports. */
export interface MemoryStats {
  /** Sessions. */
  readonly sessions: {
    /** Compiled since the start of this thread. */
    readonly created: number;
    /** Not disposed of and not collected. */
    readonly alive: number;
  };
  /** Storages of tensors. */
  readonly storages: {
    /** Allocated since the start of this thread. */
    readonly allocated: number;
    /** Bytes allocated since the start of this thread. */
    readonly allocatedBytes: number;
    /** Alive ones among those of at least {@linkcode TRACKED_BYTES} bytes. */
    readonly live: number;
    /** Bytes of those. */
    readonly liveBytes: number;
    /** Bytes of disposed storages on the host that are kept for the next ones. */
    readonly pooledBytes: number;
  };
  /** Runs of sessions since the start of this thread. */
  readonly runs: number;
  /** Asynchronous runs under way. */
  readonly inFlight: number;
}

/** Storages below this size are not followed after their allocation, which keeps them cheap. */
export const TRACKED_BYTES = 4096;

/** The counters themselves; only the runtime writes them. */
export const counters = {
  sessionsCreated: 0,
  sessionsAlive: 0,
  storagesAllocated: 0,
  storageBytes: 0,
  liveStorages: 0,
  liveBytes: 0,
  pooledBytes: 0,
  runs: 0,
  inFlight: 0,
};

/**
 * What the runtime of this thread made and what is alive. What the garbage collector finds dead counts
 * as alive until it reports it, which happens between turns of the event loop.
 *
 * @example
 * ```ts
 * import { memory, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const before = memory().runs;
 * tensor([1, 2]).add(1).data();
 * assertEquals(memory().runs, before + 1);
 * ```
 */
export function memory(): MemoryStats {
  const c = counters;
  return {
    sessions: { created: c.sessionsCreated, alive: c.sessionsAlive },
    storages: {
      allocated: c.storagesAllocated,
      allocatedBytes: c.storageBytes,
      live: c.liveStorages,
      liveBytes: c.liveBytes,
      pooledBytes: c.pooledBytes,
    },
    runs: c.runs,
    inFlight: c.inFlight,
  };
}
