/**
 * Main functions that enter the world and leave it, and barriers.
 *
 * @module
 */

import { checkNames, describe } from "../tensor/describe.ts";
import { meetAt } from "./barrier.ts";
import { type InitOptions, initRpc, shutdown } from "./init.ts";
import type { RemoteFunction } from "./register.ts";
import { abandon, currentSession, INIT_OPTIONS, secondsOf } from "./session.ts";
import { workerId } from "./world_state.ts";

/** Options of {@linkcode autoInitRpc}. */
export interface AutoInitOptions extends InitOptions {
  /** Runs on each rank once all have come, before the main function. */
  readonly workerInit?: () => unknown;
}

/**
 * Makes a main function enter the world first, and leave it when it is done: `initRpc`, `workerInit`,
 * the function, `shutdown`. A rank whose function is done serves the others until all are done. Where it
 * throws, the other ranks hear of it.
 *
 * @param options those of {@linkcode initRpc}, and `workerInit`
 * @returns what wraps the main function
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const main = distributed.autoInitRpc()(() => `rank ${distributed.getRank()}`);
 * assertEquals(await main(), "rank 0");
 * ```
 */
export function autoInitRpc(
  options: AutoInitOptions | (() => unknown) = {},
): <F extends RemoteFunction>(
  main: F,
) => (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>> {
  if (typeof options !== "function") {
    checkNames("autoInitRpc", options, ["workerInit", ...INIT_OPTIONS]);
  }
  const { workerInit, ...init } = typeof options === "function" ? { workerInit: options } : options;
  if (workerInit !== undefined && workerInit !== null && typeof workerInit !== "function") {
    throw new TypeError(`autoInitRpc: workerInit is ${describe(workerInit)}, wants a function.`);
  }
  return <F extends RemoteFunction>(main: F) => {
    if (typeof main !== "function") {
      throw new TypeError(`autoInitRpc: the argument is ${describe(main)}, wants a function.`);
    }
    return async (...args: Parameters<F>): Promise<Awaited<ReturnType<F>>> => {
      await initRpc(init);
      let result;
      try {
        await workerInit?.();
        result = await main(...args);
      } catch (error) {
        await abandon(error);
        throw error;
      }
      await shutdown();
      return result as Awaited<ReturnType<F>>;
    };
  };
}

/**
 * Waits until all workers have come as far.
 *
 * @param workerNames names or ranks of those that wait for each other, this one among them (default: all)
 * @param options `timeout` in seconds (default 0: as long as all live)
 * @throws {WorkerDiedError} where one of them is gone
 * @throws {RpcTimeoutError} where they do not come within the time
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 *
 * await distributed.initRpc();
 * await distributed.barrier();
 * await distributed.shutdown();
 * ```
 */
export async function barrier(
  workerNames?: Iterable<string | number> | null,
  options: { readonly timeout?: number } = {},
): Promise<void> {
  checkNames("barrier", options, ["timeout"]);
  const { agent } = currentSession("barrier");
  const iterable = workerNames === undefined || workerNames === null ||
    typeof workerNames === "object" && Symbol.iterator in workerNames;
  if (!iterable) {
    throw new TypeError(`barrier: got ${describe(workerNames)}, wants an array of names or ranks.`);
  }
  const ranks = workerNames === undefined || workerNames === null
    ? agent.peers.map(({ rank }) => rank)
    : [...new Set([...workerNames].map((id) => workerId("barrier", id)))].sort((a, b) => a - b);
  if (!ranks.includes(agent.rank)) {
    throw new RangeError(
      `barrier: rank ${agent.rank} is not among those that wait, ${
        ranks.join(", ")
      }; it does not wait.`,
    );
  }
  await meetAt(agent, ranks, secondsOf("barrier", "timeout", options.timeout, 0));
}
