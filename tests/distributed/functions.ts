/**
 * Functions that ranks of test worlds call on each other.
 *
 * @module
 */

import { customVjp, distributed, SGD, stack, type Tensor, tensor } from "@torchopt/torchopt";

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
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
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
export const countedThere = register("countedThere", () => counted);
export const callRank = register("callRank", async (rank: number) => await on<number>(rank, "pid"));
register("pid", () => getRank());
export const waitFor = register(
  "waitFor",
  async (rank: number, ms = 60_000) => await on<number>(rank, "slow", ms),
);
export const outOfRange = register("outOfRange", (x: Tensor) => x.indexSelect(0, tensor([5n, 7n])));
export const slowBackward = register(
  "slowBackward",
  (x: Tensor, ms: number) =>
    customVjp((t) => t.mul(2), (g) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      return [g.mul(2)];
    })(x),
);
export const countAgain = register("countAgain", () => ++counted, { idempotent: true });
export const echoAgain = register("echoAgain", (x: unknown) => x, { idempotent: true });
let large: Tensor | null = null;
/** Trains on what arrived, in place; gives back what it has become, and what arrived now. */
export const trainOn = register("trainOn", (x: Tensor) => {
  large ??= x;
  const optimizer = new SGD([large], { lr: 1 });
  large.mul(2).sum().backward();
  optimizer.step();
  large.grad = null;
  return [large, x];
});
export const exit = register("exit", (code: number) => Deno.exit(code));

// ------------------------------------------------------------- differentiated functions

export const mul = register("mul", (a: Tensor, b: Tensor) => a.mul(b));
export const matmul = register("matmul", (a: Tensor, b: Tensor) => a.matmul(b));
export const stackUp = register("stackUp", (list: Tensor[]) => stack(list));
export const bmm = register("bmm", (a: Tensor, b: Tensor) => a.matmul(b));
export const pieces = register("pieces", (x: Tensor) => x.split(2));
export const fan = register("fan", (x: Tensor) => [x.mul(2), x.mul(3), x.exp()]);
export const weights = Array.from(
  { length: 4 },
  (_, i) => tensor([[1 + i, 2], [3, 4]], { dtype: "float64", requiresGrad: true }),
);
export const layer = register("layer", (x: Tensor) => x.matmul(weights[getRank()]).tanh());
export const ownWeight = register("ownWeight", () => weights[getRank()]);
/** The gradient that a context left of this rank's weight, and the number of its entries. */
export const weightGradient = register("weightGradient", (id: number) => {
  const gradients = distributed.autograd.getGradients(id);
  return [gradients.get(weights[getRank()]) ?? null, gradients.size, weights[getRank()].grad];
});
export const nested = register("nested", async (a: Tensor, b: Tensor) => {
  const t3 = a.mul(b), t4 = a.add(b);
  return a.mul(b).mul(t3).mul(t4).mul(await on(next(), add, t3, t4));
});
export const deep = register(
  "deep",
  async (x: Tensor, n: number): Promise<Tensor> =>
    n <= 0 ? x.mul(x) : (await on<Tensor>(next(), "deep", x.mul(1.5), n - 1)).add(x),
);
export const callBack = register(
  "callBack",
  async (x: Tensor) => (await on(currentCall()!.caller, mul, x, x)).add(x),
);
let held: Tensor | null = null;
export const put = register("put", (x: Tensor) => {
  held = x.exp();
  return x.mul(0).sum();
});
export const useHeld = register("useHeld", (y: Tensor) => held!.mul(y));
let failing = true;
export const setFailing = register("setFailing", (on: boolean) => {
  failing = on;
});
export const bad = register("bad", (x: Tensor) =>
  customVjp((t) => t.mul(2), (g) => {
    if (failing) throw new Error("simulated");
    return [g.mul(2)];
  })(x));
export const badDeep = register(
  "badDeep",
  async (x: Tensor, n: number): Promise<Tensor> =>
    n <= 0 ? bad(x) : await on<Tensor>(next(), "badDeep", x, n - 1),
);
export const leave = register("leave", (x: Tensor) => {
  setTimeout(() => Deno.exit(3), 30);
  return x.mul(2);
});
export const train = register(
  "train",
  async (seed: number) =>
    await distributed.autograd.context(async (id) => {
      const x = tensor([[seed, 0.1], [0.2, 0.3]], { dtype: "float64", requiresGrad: true });
      await distributed.autograd.backward(id, (await on(0, layer, x)).sum());
      const [g, entries] = await on<[Tensor, number]>(0, weightGradient, id);
      return [g, entries, distributed.autograd.getGradients(id).get(x)!];
    }),
);

// ------------------------------------------------------------- collectives

register("reduceThere", (options: distributed.AllReduceOptions) => {
  const factor = getRank() + 1;
  return distributed.allReduce({
    w: tensor([[1, 2], [3, 4]]).mul(factor),
    s: tensor(factor, { dtype: "float64" }),
    e: tensor([]),
  }, { ...options });
});
register(
  "reduceNoise",
  (n: number, by: "ring" | "first") =>
    distributed.allReduce(
      tensor(Float32Array.from({ length: n }, (_, i) => Math.sin(i * (getRank() + 1)))),
      { by },
    ),
);
register("rootedThere", async (root: number) => {
  const rank = getRank(), x = tensor([rank]);
  const list = rank === root
    ? Array.from({ length: getWorldSize() }, (_, r) => tensor([10 * root + r]))
    : [x];
  return [
    await distributed.broadcast(x, { root }),
    await distributed.gather(x, { root }),
    await distributed.scatter(list, { root }),
  ];
});
register("trainThere", async (steps: number) => {
  const [w] = await distributed.broadcast([tensor([getRank()]).mul(0)]);
  w.requiresGrad_();
  const optimizer = new distributed.DistributedOptimizer(new SGD([w], { lr: 0.1 }));
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    w.sub(getRank()).square().sum().backward();
    await optimizer.step();
  }
  return w.detach();
});
register("gatherOne", async () => await distributed.gather(tensor([1])));
