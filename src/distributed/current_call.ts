/**
 * The call that is being served.
 *
 * @module
 */

import { currentScope } from "./scope.ts";

/** What a function that was called from another rank may ask about its call. */
export interface CurrentCall {
  /** Rank that called. */
  readonly caller: number;
  /** Aborted when the caller does not wait any more. */
  readonly signal: AbortSignal;
  /** Seconds that are left until the caller stops waiting; `Infinity` without a limit. */
  readonly secondsLeft: number;
}

/**
 * The call that is being served; null outside of one.
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * distributed.register("patient", async () => {
 *   const { signal } = distributed.currentCall()!;
 *   while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 100));
 * });
 * assertEquals(distributed.currentCall(), null);
 * ```
 */
export function currentCall(): CurrentCall | null {
  const { running, deadline } = currentScope();
  if (running === null) return null;
  return {
    caller: running.caller,
    get signal() {
      return running.signal;
    },
    get secondsLeft() {
      return Math.max(0, (deadline - performance.now()) / 1000);
    },
  };
}
