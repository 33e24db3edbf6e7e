/**
 * Counters of what the runtime made and what is still alive.
 *
 * @module
 */

/** Storages below this size are not followed after their allocation, which keeps them cheap. */
export const TRACKED_BYTES = 4096;

/** The counters themselves; only the runtime writes them. */
export const counters = {
  sessionsCreated: 0,
  sessionsAlive: 0,
  hostNodes: 0,
  storagesAllocated: 0,
  storageBytes: 0,
  liveStorages: 0,
  liveBytes: 0,
  pooledBytes: 0,
  runs: 0,
  inFlight: 0,
};
