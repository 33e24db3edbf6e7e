/**
 * Calls of registered functions on other ranks, divided among them and put together again.
 *
 * @module
 */

import { checkNames, describe } from "../tensor/describe.ts";
import {
  type Args,
  batchPartitioner,
  type KwArgs,
  type Partition,
  type PartitionFunction,
} from "./partition.ts";
import { meanReducer } from "./reducers.ts";
import { type CallSettings, Canceller } from "./call_settings.ts";
import { PendingFuture } from "./future.ts";
import { register, type RemoteFunction } from "./register.ts";
import { nameOf, standFor } from "./registry.ts";
import { currentSession } from "./session.ts";
import { workerId } from "./world_state.ts";

/** Puts the results of all partitions together; it gets them in their order. */
// deno-lint-ignore no-explicit-any
export type Reducer<U = unknown> = (results: any[]) => U;

/** How a call is divided and put together. */
export interface PartitionOptions {
  /** One rank or name, or what divides the arguments (default: `batchPartitioner`). */
  readonly partitioner?: number | string | PartitionFunction | null;
  /** What puts the results together (default: none, which gives the list of them). */
  readonly reducer?: Reducer | null;
  /** Seconds to wait (default: that of `initRpc`; 0 for no limit). */
  readonly timeout?: number | null;
  /** Stops waiting, and tells the other ranks, when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode remoteAsyncCall} and {@linkcode remoteSyncCall}. */
export interface CallOptions extends PartitionOptions {
  /** Arguments by position. */
  readonly args?: Args | null;
  /** Arguments by name: one object behind the others. */
  readonly kwargs?: KwArgs | null;
}

const PARTITION = ["partitioner", "reducer", "timeout", "signal"];
const CALL = ["args", "kwargs", ...PARTITION];

/** The result of calls under way: a promise that tells whether it is settled, and that can be given up. */
export interface Future<T> extends Promise<T> {
  /** Whether the result, or an error, is there. */
  readonly done: boolean;
  /** Waits no longer: the future rejects with `reason`, and the other ranks are told to stop. */
  cancel(reason?: Error): void;
}

function secondsOf(op: string, timeout: number | null | undefined, otherwise: number): number {
  if (timeout === undefined || timeout === null) return otherwise;
  if (typeof timeout !== "number" || Number.isNaN(timeout)) {
    throw new TypeError(`${op}: timeout is ${describe(timeout)}, wants seconds.`);
  }
  // The reference's mark of a timeout that is not set.
  return timeout < 0 ? otherwise : timeout === Infinity ? 0 : timeout;
}

function partitionsOf(op: string, options: CallOptions): readonly Partition[] {
  const { partitioner, args, kwargs } = options;
  const own = args ?? [], named = kwargs ?? {};
  if (!Array.isArray(own)) throw new TypeError(`${op}: args is ${describe(own)}, wants an array.`);
  if (typeof named !== "object" || Array.isArray(named)) {
    throw new TypeError(`${op}: kwargs is ${describe(named)}, wants an object.`);
  }
  if (partitioner === undefined || partitioner === null) return batchPartitioner(own, named);
  if (typeof partitioner === "number" || typeof partitioner === "string") {
    return [[workerId(op, partitioner), own, named]];
  }
  if (typeof partitioner !== "function") {
    throw new TypeError(
      `${op}: partitioner is ${describe(partitioner)}, wants a rank, a name or a function.`,
    );
  }
  const parts = partitioner(own, named);
  if (!Array.isArray(parts)) {
    throw new TypeError(
      `${op}: the partitioner gave ${describe(parts)}, wants an array of partitions.`,
    );
  }
  return parts.map((part): Partition => {
    const [worker, a, k] = Array.isArray(part) ? part : [];
    if (!Array.isArray(a)) {
      throw new TypeError(
        `${op}: a partition is ${describe(part)}, wants [worker, args, kwargs].`,
      );
    }
    return [workerId(op, worker), a, k ?? {}];
  });
}

function together(
  op: string,
  name: string,
  parts: readonly Partition[],
  settings: CallSettings,
  reducer: Reducer | null,
): Promise<unknown> {
  const { agent } = currentSession(op);
  const calls = parts.map(([worker, args, kwargs]) => {
    const full = agent.drained(worker);
    const call = () => agent.call(worker, name, args, kwargs, settings);
    return full === null ? call() : full.then(call);
  });
  const results = calls.length === 1 ? calls[0].then((result) => [result]) : all(name, calls);
  return reducer === null ? results : results.then(reducer);
}

/** Results of all calls, or an error that names all that failed, once all have settled. */
async function all(name: string, calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(calls), errors: unknown[] = [];
  for (const result of settled) if (result.status === "rejected") errors.push(result.reason);
  if (errors.length === 0) {
    return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value);
  }
  const texts = errors.map((error) => error instanceof Error ? error.message : String(error));
  throw new AggregateError(
    errors,
    `${name}: ${errors.length} of ${calls.length} partitions failed: ${texts.join("; ")}`,
  );
}

function begin(op: string, fn: unknown, options: CallOptions): Future<unknown> {
  checkNames(op, options, CALL);
  const name = nameOf(op, fn), { reducer = null, signal } = options;
  if (reducer !== null && typeof reducer !== "function") {
    throw new TypeError(`${op}: reducer is ${describe(reducer)}, wants a function.`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`${op}: signal is ${describe(signal)}, wants an AbortSignal.`);
  }
  const { timeout } = currentSession(op), seconds = secondsOf(op, options.timeout, timeout);
  const parts = partitionsOf(op, options), canceller = new Canceller();
  const settings = { seconds, signal, canceller };
  return PendingFuture.of(together(op, name, parts, settings, reducer), canceller);
}

/**
 * Calls a registered function on other ranks, without waiting.
 *
 * @param fn a registered function, or its name
 * @param options `args`, `kwargs`, `partitioner`, `reducer`, `timeout`, `signal`
 * @returns a future of the list of results, in the order of the partitions, or of what the reducer makes
 * of it. Where a single call fails, it rejects with that error; where one of several fails, with an
 * `AggregateError` that names all ranks that failed, after all have settled
 * @throws {RpcError} where the function is not registered, or the layer not initialised
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const norm = distributed.register("norm", (x: Tensor) => x.square().sum());
 * const future = distributed.remoteAsyncCall(norm, { args: [tensor([3, 4])] });
 * const [squared] = await future as [Tensor];
 * assertEquals(squared.item(), 25);
 * await distributed.shutdown();
 * ```
 */
export function remoteAsyncCall<T = unknown>(
  fn: RemoteFunction | string,
  options: CallOptions = {},
): Future<T> {
  return begin("remoteAsyncCall", fn, options) as Future<T>;
}

/**
 * Calls a registered function on other ranks and waits for the results.
 *
 * @param fn a registered function, or its name
 * @param options `args`, `kwargs`, `partitioner`, `reducer`, `timeout`, `signal`
 * @returns the list of results in the order of the partitions, or what the reducer makes of it
 * @throws {RemoteError} where a single call throws there; {@linkcode RpcTimeoutError} and
 * {@linkcode WorkerDiedError} where it has no answer; `AggregateError` of these for several calls
 *
 * @example
 * ```ts
 * import { distributed } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * distributed.register("greet", (name: string) => `hello ${name}`);
 * const args = ["world"];
 * assertEquals(await distributed.remoteSyncCall("greet", { args }), ["hello world"]);
 * await distributed.shutdown();
 * ```
 */
export async function remoteSyncCall<T = unknown>(
  fn: RemoteFunction | string,
  options: CallOptions = {},
): Promise<T> {
  return await begin("remoteSyncCall", fn, options) as T;
}

/** Options of {@linkcode parallelize}. */
export interface ParallelizeOptions extends PartitionOptions {
  /** Name that the function is registered by (default: its own). */
  readonly name?: string;
  /** Whether calls may be repeated: see {@linkcode RegisterOptions}. */
  readonly idempotent?: boolean;
}

/** A function that runs on other ranks. */
// deno-lint-ignore no-explicit-any
export type Parallel<F extends RemoteFunction> = (...args: Parameters<F>) => Promise<any>;

/** The same, as a future. */
// deno-lint-ignore no-explicit-any
export type ParallelFuture<F extends RemoteFunction> = (...args: Parameters<F>) => Future<any>;

function parallel(
  op: string,
  options: ParallelizeOptions,
): (fn: RemoteFunction) => ParallelFuture<RemoteFunction> {
  checkNames(op, options, [...PARTITION, "name", "idempotent"]);
  const { partitioner = null, timeout, signal, idempotent } = options;
  // With neither given, results are averaged, as in the reference.
  const reducer = options.reducer ?? (partitioner === null ? meanReducer : null);
  return (fn) => {
    if (typeof fn !== "function") {
      throw new TypeError(`${op}: the argument is ${describe(fn)}, wants a function.`);
    }
    const name = options.name ?? fn.name;
    if (name === "") {
      throw new TypeError(
        `${op}: the function has no name, and functions travel by name; write function train(...) or ` +
          `${op}({ name: "train" })(...).`,
      );
    }
    register(name, fn, { idempotent });
    const settings = { partitioner, reducer, timeout, signal };
    const wrapped = (...args: unknown[]) => begin(name, fn, { ...settings, args });
    Object.defineProperty(wrapped, "name", { value: fn.name, configurable: true });
    standFor(wrapped, name);
    return wrapped;
  };
}

function decorate(
  op: string,
  given: ParallelizeOptions | RemoteFunction,
): unknown {
  return typeof given === "function" ? parallel(op, {})(given) : parallel(op, given);
}

/**
 * Registers a function and makes it run on other ranks: a call is divided by the partitioner, and the
 * results are put together by the reducer. With neither, the batch is divided and results are averaged.
 *
 * @param options `partitioner`, `reducer`, `timeout`, `signal`, `name`, `idempotent`
 * @returns what wraps a function; given the function itself, the wrapped function
 * @throws {TypeError} where the function has no name
 * @throws {RpcError} where another function has its name
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = distributed.parallelize()(function loss(x: Tensor) {
 *   return x.square().mean();
 * });
 * await distributed.initRpc();
 * assertEquals((await loss(tensor([1, 3])) as Tensor).item(), 5);
 * await distributed.shutdown();
 * ```
 */
export function parallelize<F extends RemoteFunction>(fn: F): Parallel<F>;
/** The same, as what wraps a function. */
export function parallelize(
  options?: ParallelizeOptions,
): <F extends RemoteFunction>(fn: F) => Parallel<F>;
export function parallelize(given: ParallelizeOptions | RemoteFunction = {}): unknown {
  return decorate("parallelize", given);
}

/**
 * Another name of {@linkcode parallelize}.
 *
 * @param options `partitioner`, `reducer`, `timeout`, `signal`, `name`, `idempotent`
 * @returns what wraps a function; given the function itself, the wrapped function
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const reducer = distributed.sumReducer;
 * const total = distributed.parallelizeSync({ reducer })(function total(x: Tensor) {
 *   return x.sum();
 * });
 * await distributed.initRpc();
 * assertEquals((await total(tensor([1, 3])) as Tensor).item(), 4);
 * await distributed.shutdown();
 * ```
 */
export function parallelizeSync<F extends RemoteFunction>(fn: F): Parallel<F>;
/** The same, as what wraps a function. */
export function parallelizeSync(
  options?: ParallelizeOptions,
): <F extends RemoteFunction>(fn: F) => Parallel<F>;
export function parallelizeSync(given: ParallelizeOptions | RemoteFunction = {}): unknown {
  return decorate("parallelizeSync", given);
}

/**
 * Like {@linkcode parallelize}; calls give futures, which can be given up.
 *
 * @param options `partitioner`, `reducer`, `timeout`, `signal`, `name`, `idempotent`
 * @returns what wraps a function; given the function itself, the wrapped function
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const power = distributed.parallelizeAsync()(function power(x: Tensor) {
 *   return x.pow(3).mean();
 * });
 * await distributed.initRpc();
 * const future = power(tensor([2]));
 * assertEquals([future.done, (await future as Tensor).item()], [false, 8]);
 * await distributed.shutdown();
 * ```
 */
export function parallelizeAsync<F extends RemoteFunction>(fn: F): ParallelFuture<F>;
/** The same, as what wraps a function. */
export function parallelizeAsync(
  options?: ParallelizeOptions,
): <F extends RemoteFunction>(fn: F) => ParallelFuture<F>;
export function parallelizeAsync(given: ParallelizeOptions | RemoteFunction = {}): unknown {
  return decorate("parallelizeAsync", given);
}
