/**
 * Functions that run on some ranks only.
 *
 * @module
 */

import { describe } from "../tensor/describe.ts";
import type { RemoteFunction } from "./register.ts";
import { worldInfo } from "./world_state.ts";

/** A function that gives null where it does not run. */
export type OnSomeRanks<F extends RemoteFunction> = (
  ...args: Parameters<F>
) => ReturnType<F> | null;

function checkRanks(op: string, ranks: readonly number[]): void {
  for (const rank of ranks) {
    if (typeof rank !== "number") {
      throw new TypeError(`${op}: a rank is ${describe(rank)}, wants a number.`);
    }
    if (Number.isInteger(rank) && rank >= 0) continue;
    throw new RangeError(`${op}: a rank is ${rank}, wants a whole number of at least 0.`);
  }
}

function runsWhere<F extends RemoteFunction>(
  op: string,
  fn: F,
  chosen: (rank: number) => boolean,
): OnSomeRanks<F> {
  if (typeof fn !== "function") {
    throw new TypeError(`${op}: the argument is ${describe(fn)}, wants a function.`);
  }
  const wrapped = (...args: Parameters<F>) =>
    chosen(worldInfo().worldRank) ? fn(...args) as ReturnType<F> : null;
  Object.defineProperty(wrapped, "name", { value: fn.name, configurable: true });
  return wrapped;
}

/**
 * Makes a function run on the given ranks only; elsewhere it gives null.
 *
 * @param ranks where it runs
 * @returns what wraps a function
 * @throws {RangeError} where a rank is no whole number of at least 0
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const report = distributed.onRank(0, 2)((loss: number) => `loss ${loss}`);
 * assertEquals(report(3), "loss 3");
 * ```
 */
export function onRank(
  ...ranks: number[]
): <F extends RemoteFunction>(fn: F) => OnSomeRanks<F> {
  checkRanks("onRank", ranks);
  return (fn) => runsWhere("onRank", fn, (rank) => ranks.includes(rank));
}

/**
 * Makes a function run on all but the given ranks; there it gives null.
 *
 * @param ranks where it does not run
 * @returns what wraps a function
 * @throws {RangeError} where a rank is no whole number of at least 0
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.notOnRank(0)(() => "ran")(), null);
 * ```
 */
export function notOnRank(
  ...ranks: number[]
): <F extends RemoteFunction>(fn: F) => OnSomeRanks<F> {
  checkRanks("notOnRank", ranks);
  return (fn) => runsWhere("notOnRank", fn, (rank) => !ranks.includes(rank));
}

/**
 * Makes a function run on rank 0 only; elsewhere it gives null.
 *
 * @param fn the function
 * @returns the function that looks at the rank first
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.rankZeroOnly(() => "ran")(), "ran");
 * ```
 */
export function rankZeroOnly<F extends RemoteFunction>(fn: F): OnSomeRanks<F> {
  return runsWhere("rankZeroOnly", fn, (rank) => rank === 0);
}

/**
 * Makes a function run on all ranks but 0; there it gives null.
 *
 * @param fn the function
 * @returns the function that looks at the rank first
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.rankNonZeroOnly(() => "ran")(), null);
 * ```
 */
export function rankNonZeroOnly<F extends RemoteFunction>(fn: F): OnSomeRanks<F> {
  return runsWhere("rankNonZeroOnly", fn, (rank) => rank !== 0);
}

/**
 * Makes a function run on all ranks, as it does anyway: says so where others are restricted.
 *
 * @param fn the function
 * @returns the function itself
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.rankAll(() => "ran")(), "ran");
 * ```
 */
export function rankAll<F extends RemoteFunction>(fn: F): F {
  if (typeof fn === "function") return fn;
  throw new TypeError(`rankAll: the argument is ${describe(fn)}, wants a function.`);
}
