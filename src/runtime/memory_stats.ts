/**
 * What the runtime made and what is alive, as users are told.
 *
 * @module
 */

import { counters } from "./counters.ts";
import { type DeviceUsage, deviceUsage } from "./device/mod.ts";

/** What {@linkcode memory} reports. */
export interface MemoryStats {
  /** Sessions. */
  readonly sessions: {
    /** Compiled since the start of this thread. */
    readonly created: number;
    /** Not disposed of and not collected. */
    readonly alive: number;
    /** Nodes of sessions for other devices that run on the host all the same, with copies. */
    readonly hostNodes: number;
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
  /** Memory of each device in use that is not the host, by name such as `"cuda:0"`. */
  readonly devices: Readonly<Record<string, DeviceUsage>>;
  /** Runs of sessions since the start of this thread. */
  readonly runs: number;
  /** Asynchronous runs under way. */
  readonly inFlight: number;
}

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
    sessions: { created: c.sessionsCreated, alive: c.sessionsAlive, hostNodes: c.hostNodes },
    storages: {
      allocated: c.storagesAllocated,
      allocatedBytes: c.storageBytes,
      live: c.liveStorages,
      liveBytes: c.liveBytes,
      pooledBytes: c.pooledBytes,
    },
    devices: deviceUsage(),
    runs: c.runs,
    inFlight: c.inFlight,
  };
}
