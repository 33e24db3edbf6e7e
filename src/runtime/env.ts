/**
 * The environment of ONNX Runtime: one for each thread of JavaScript, all of them references to the
 * one that the process has.
 *
 * @module
 */

import { check, ort } from "./api.ts";
import { watch } from "./contention.ts";
import { cString, outPointer } from "./ffi.ts";
import { mayOutlast, skipDestructors } from "./process_end.ts";
import { telemetryAllowed, withoutTelemetry } from "./telemetry.ts";

/** Level of logging: every error comes back as a status and is thrown; it is not printed as well. */
export const LOG_FATAL = 4;
const ARENA_ALLOCATOR = 1;
const DEFAULT_MEMORY = 0;

// Where the system refuses a thread, ONNX Runtime ends the process.
const MAX_THREADS = 512;

/** Native objects that every session of this thread shares. */
export interface Environment {
  /** `OrtEnv*`. */
  readonly env: Deno.PointerValue;
  /** `OrtMemoryInfo*` of host memory. */
  readonly hostMemory: Deno.PointerValue;
  /**
   * Whether the environment has the shared pool. It has none where other code in this process, such as
   * the JavaScript binding of onnxruntime-node, made the environment first.
   */
  hasPool: boolean;
}

let current: Environment | undefined;

/**
 * Threads of the pool that all sessions with more than one thread share: `TORCHOPT_THREADS`, by
 * default one for each processor.
 *
 * @throws {RangeError} where the variable is no number of threads
 */
export function poolSize(): number {
  const text = Deno.env.get("TORCHOPT_THREADS");
  if (!text) return navigator.hardwareConcurrency;
  const wanted = Number(text);
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= MAX_THREADS) return wanted;
  throw new RangeError(
    `TORCHOPT_THREADS is "${text}", wants a whole number from 1 to ${MAX_THREADS}.`,
  );
}

let adapts: boolean | undefined, pool: number | undefined;

/**
 * Threads for a graph that has work for several: all of the pool, or one while others compete for the
 * processors. Where the user has decided on threads or spinning, it is all of the pool.
 */
export function threadsNow(): number {
  adapts ??= !Deno.env.get("TORCHOPT_THREADS") && spins() && navigator.hardwareConcurrency > 1;
  pool ??= poolSize();
  return adapts && watch.contended(performance.now()) ? 1 : pool;
}

/**
 * Whether idle threads of the pool wait awake.
 *
 * @throws {RangeError} where `TORCHOPT_SPIN` is neither 1 nor 0
 */
function spins(): boolean {
  const text = Deno.env.get("TORCHOPT_SPIN");
  if (!text || text === "1") return true;
  if (text === "0") return false;
  throw new RangeError(`TORCHOPT_SPIN is "${text}", wants 1 (default) or 0.`);
}

/**
 * The environment, made on first use. It owns one thread pool for all sessions: a pool for each
 * cached session would cost threads, and many sessions are cached.
 */
export function environment(): Environment {
  return current ??= create();
}

/** Whether there is an environment. */
export function hasEnvironment(): boolean {
  return current !== undefined;
}

/** Gives the environment back; the next {@linkcode environment} makes a new one. */
export function releaseEnvironment(): void {
  if (!current) return;
  const { fn } = ort();
  fn.ReleaseMemoryInfo(current.hostMemory);
  fn.ReleaseEnv(current.env);
  current = undefined;
}

function create(): Environment {
  const { fn } = ort();
  const options = outPointer((out) =>
    check(fn.CreateThreadingOptions(out), "creating threading options")
  );
  check(fn.SetGlobalIntraOpNumThreads(options, poolSize()), "setting the thread count");
  check(fn.SetGlobalInterOpNumThreads(options, 1), "setting the thread count");
  // Idle threads spin for about 1 ms before they sleep. Waking a sleeping one costs 0.1 ms and more: a
  // step of 1M parameters took 0.34 ms instead of 0.25 (medians). Only graphs with work for several
  // threads use the pool, so small graphs never make it spin.
  check(fn.SetGlobalSpinControl(options, Number(spins())), "setting the spin control");
  const env = outPointer((out) =>
    check(
      withoutTelemetry(() =>
        fn.CreateEnvWithGlobalThreadPools(LOG_FATAL, cString("torchopt"), options, out)
      ),
      "creating the ONNX Runtime environment",
    )
  );
  fn.ReleaseThreadingOptions(options);
  // Where other code in this process made the environment first, its telemetry is running.
  if (!telemetryAllowed()) check(fn.DisableTelemetryEvents(env), "switching telemetry off");
  const hostMemory = outPointer((out) =>
    check(fn.CreateCpuMemoryInfo(ARENA_ALLOCATOR, DEFAULT_MEMORY, out), "describing host memory")
  );
  if (mayOutlast()) skipDestructors();
  return { env, hostMemory, hasPool: true };
}
