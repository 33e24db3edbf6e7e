/**
 * The world: how many processes there are, and which of them this one is.
 *
 * @module
 */

import { workerId, worldInfo } from "./world_state.ts";

/** What a process knows of itself and the others. */
export interface WorldInfo {
  /** Number of this process in the world, from 0. */
  readonly worldRank: number;
  /** The same. */
  readonly rank: number;
  /** Number of processes. */
  readonly worldSize: number;
  /** Number of this process on its host. */
  readonly localRank: number;
  /** Number of processes on its host. */
  readonly localWorldSize: number;
  /** Name of this process, such as `worker03`. */
  readonly workerName: string;
}

/** Gives a process its name. */
export type WorkerNameFormat = (
  rank: number,
  worldSize: number,
  localRank: number,
  localWorldSize: number,
) => string;

/**
 * What this process knows of the world: from `initRpc` and `autoInitRpc`, else from the variables of
 * the engine that started it. Without an engine, a world of one.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const { rank, worldSize, workerName } = distributed.getWorldInfo();
 * assertEquals([rank, worldSize, workerName], [0, 1, "worker0"]);
 * ```
 */
export function getWorldInfo(): WorldInfo {
  return worldInfo();
}

/**
 * Number of this process in the world.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.getWorldRank(), 0);
 * ```
 */
export function getWorldRank(): number {
  return getWorldInfo().worldRank;
}

/**
 * Number of this process in the world: another name of {@linkcode getWorldRank}.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.getRank(), 0);
 * ```
 */
export function getRank(): number {
  return getWorldRank();
}

/**
 * Number of processes in the world.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.getWorldSize(), 1);
 * ```
 */
export function getWorldSize(): number {
  return getWorldInfo().worldSize;
}

/**
 * Number of this process on its host.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.getLocalRank(), 0);
 * ```
 */
export function getLocalRank(): number {
  return getWorldInfo().localRank;
}

/**
 * Number of processes on this host.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.getLocalWorldSize(), 1);
 * ```
 */
export function getLocalWorldSize(): number {
  return getWorldInfo().localWorldSize;
}

/**
 * The rank that a name or number stands for.
 *
 * @param id a rank or the name of a process (default: this process)
 * @returns the rank
 * @throws {RangeError} where there is no such process
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.getWorkerId("worker0"), 0);
 * ```
 */
export function getWorkerId(id?: number | string | null): number {
  return workerId("getWorkerId", id);
}
