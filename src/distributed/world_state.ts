/**
 * The world that this process is in.
 *
 * @module
 */

import { describe } from "../tensor/describe.ts";
import { type Cluster, detect } from "./cluster.ts";
import type { WorkerNameFormat, WorldInfo } from "./world.ts";

/** `worker` and the rank, with zeros in front so that names of one world are equally long. */
export function defaultWorkerName(rank: number, worldSize: number): string {
  return `worker${String(rank).padStart(String(worldSize).length, "0")}`;
}

/** The world while the layer is initialised. */
let current: { readonly info: WorldInfo; readonly names: readonly string[] } | null = null;

/** Fixes the world (null: back to what the variables say). */
export function setWorld(info: WorldInfo | null, names: readonly string[] = []): void {
  current = info === null ? null : { info, names };
}

/** What a cluster says, as information for users. */
export function infoOf(cluster: Cluster, format: WorkerNameFormat = defaultWorkerName): WorldInfo {
  const { rank, size, localRank, localSize } = cluster;
  return {
    worldRank: rank,
    rank,
    worldSize: size,
    localRank,
    localWorldSize: localSize,
    workerName: format(rank, size, localRank, localSize),
  };
}

/** What this process knows of the world. */
export function worldInfo(): WorldInfo {
  return current?.info ?? infoOf(detect());
}

/** The rank that a name or number stands for (null or none: this rank), for a function `op`. */
export function workerId(op: string, id?: number | string | null): number {
  const info = worldInfo(), { worldSize } = info;
  if (id === undefined || id === null) return info.rank;
  if (typeof id === "number") {
    if (Number.isInteger(id) && id >= 0 && id < worldSize) return id;
    throw new RangeError(
      `${op}: there is no rank ${id}; the world has ${worldSize}, from 0 to ${worldSize - 1}.`,
    );
  }
  if (typeof id !== "string") {
    throw new TypeError(`${op}: the worker is ${describe(id)}, wants a rank or a name.`);
  }
  const { names = [] } = current ?? {};
  for (let rank = 0; rank < worldSize; rank++) {
    if ((names[rank] ?? defaultWorkerName(rank, worldSize)) === id) return rank;
  }
  throw new RangeError(
    `${op}: no process is named ${JSON.stringify(id)}; the first one is ` +
      `${JSON.stringify(names[0] ?? defaultWorkerName(0, worldSize))}.`,
  );
}
