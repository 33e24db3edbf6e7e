/**
 * Functions that ranks of test worlds call on each other.
 *
 * @module
 */

import { distributed, type Tensor, tensor } from "@torchopt/torchopt";

const { currentCall, getRank, getWorldSize, register, remoteSyncCall } = distributed;

/** The next rank around the ring. */
export const next = () => (getRank() + 1) % getWorldSize();

/** One call to one rank. */
export async function on<T = Tensor>(
  rank: number | string,
  fn: distributed.RemoteFunction | string,
  ...args: unknown[]
): Promise<T> {
  const [result] = await remoteSyncCall<T[]>(fn, { args, partitioner: rank });
  return result;
}

/** Waits. */
export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const add = register("add", (a: Tensor, b: Tensor) => a.add(b));
export const echo = register("echo", (...x: unknown[]) => x.length === 1 ? x[0] : x);
export const rankOf = register("rankOf", () => getRank());
export const named = register("named", (x: unknown, options: unknown) => [x, options]);
export const nothing = register("nothing", () => {});
export const descend = register(
  "descend",
  async (n: number): Promise<number> =>
    n === 0 ? 0 : 1 + await on<number>(next(), "descend", n - 1),
);

export const slow = register("slow", async (ms: number) => {
  await sleep(ms);
  return getRank();
});

let aborted = 0;

/** Works until nobody waits for it. */
export const patient = register("patient", async () => {
  const { signal } = currentCall()!;
  while (!signal.aborted) await sleep(5);
  aborted++;
});
export const abortedCalls = register("abortedCalls", () => aborted);

/** Computes without a pause. */
export const busy = register("busy", (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return getRank();
});

class OddError extends Error {
  override name = "OddError";
}

export const fail = register("fail", (kind: string) => {
  if (kind === "type") throw new TypeError("line 1\nline 2");
  if (kind === "odd") throw new OddError("odd");
  if (kind === "cause") throw new Error("outer", { cause: new RangeError("inner") });
  if (kind === "text") throw "a text";
  throw undefined;
});
export const failOdd = register("failOdd", () => {
  if (getRank() % 2 === 1) throw new Error(`odd ${getRank()}`);
  return tensor(1);
});
export const failDeep = register("failDeep", async (n: number): Promise<void> => {
  if (n === 0) throw new TypeError("deep");
  await on(next(), "failDeep", n - 1);
});
export const secondsLeft = register(
  "secondsLeft",
  async (hops: number): Promise<number> =>
    hops === 0 ? currentCall()!.secondsLeft : await on<number>(next(), "secondsLeft", hops - 1),
);
export const statsThere = register("statsThere", () => ({ ...distributed.stats() }));
export const collect = register("collect", () => {
  (globalThis as { gc?: () => void }).gc?.();
  return Deno.memoryUsage().rss;
});
export const unsendable = register("unsendable", () => () => {});
export const sumOf = register("sumOf", (x: Tensor) => x.sum());
export const batchMean = distributed.parallelize()(function batchMean(x: Tensor, scale = 1) {
  return x.mean().mul(scale);
});
export const batchSizes = distributed.parallelize({ partitioner: distributed.batchPartitioner })(
  function batchSizes(x: Tensor) {
    return [getRank(), x.shape[0]];
  },
);
export const future = distributed.parallelizeAsync()(function future(x: Tensor) {
  return x.mean();
});
export const barrierThere = register("barrierThere", async (members: number[] | null) => {
  await distributed.barrier(members);
  return performance.timeOrigin + performance.now();
});
let counted = 0;
export const count = register("count", () => ++counted);
export const countAgain = register("countAgain", () => ++counted, { idempotent: true });
export const exit = register("exit", (code: number) => Deno.exit(code));
