/**
 * What all ranks do together with trees of tensors. Each of these functions has to be called by all
 * ranks, in the same order, with trees of the same structure. Results have no history.
 *
 * @module
 */

import { treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import type { PyTree } from "../pytree/types.ts";
import { TensorCore } from "../tensor/core.ts";
import { cat, stack } from "../tensor/functions.ts";
import { zerosLike } from "../tensor/creation.ts";
import { tensor } from "../tensor/creation.ts";
import { checkNames, describe, parameterList } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Optimizer, ZeroGradOptions } from "../optim/optimizer.ts";
import { Optimizer as OptimizerClass } from "../optim/optimizer.ts";
import type { Combine } from "./exchange.ts";
import { currentSession, secondsOf } from "./session.ts";

/** What becomes of the values of all ranks. */
export type ReduceOperation = "sum" | "mean" | "max" | "min";

/** Options of collectives. */
export interface CollectiveOptions {
  /** Seconds to wait for the other ranks (default: that of `initRpc`; 0 for no limit). */
  readonly timeout?: number;
}

/** Options of {@linkcode allReduce}. */
export interface AllReduceOptions extends CollectiveOptions {
  /** `sum` (default), `mean`, `max` or `min`. */
  readonly op?: ReduceOperation;
  /**
   * Through rank 0, or around a ring of all ranks (for sums and means). By default a ring from 1 MiB and
   * three ranks on.
   */
  readonly by?: "first" | "ring";
}

/** Options of collectives with a root. */
export interface RootOptions extends CollectiveOptions {
  /** Rank that gives or gets (default 0). */
  readonly root?: number;
}

/** Bytes from which a ring is faster (`bench/README.md`). */
const RING_BYTES = 2 ** 20;

const OPERATIONS: Record<ReduceOperation, (x: Tensor) => Tensor> = {
  sum: (x) => x.sum(0),
  mean: (x) => x.mean(0),
  max: (x) => x.amax(0),
  min: (x) => x.amin(0),
};

/** The tensors of a tree, without history, and what puts others in their place. */
function take<T>(
  op: string,
  tree: T,
): { tensors: Tensor[]; build: (list: readonly Tensor[]) => T; shape: string } {
  const { leaves, def } = treeFlatten<unknown>(tree as PyTree<unknown>);
  const tensors = leaves.map((x, i) => {
    if (x instanceof TensorCore) return (x as Tensor).detach();
    throw new TypeError(`${op}: leaf ${i} is ${describe(x)}, wants a tree of tensors.`);
  });
  const shape = `${def} ${tensors.map((x) => `${x.dtype}[${x.shape}]`).join()}`;
  return { tensors, build: (list) => treeUnflatten(def, list) as T, shape };
}

function rootOf(op: string, root: unknown): number {
  const { agent } = currentSession(op);
  if (typeof root === "number" && Number.isInteger(root) && root >= 0 && root < agent.size) {
    return root;
  }
  throw new RangeError(
    `${op}: root is ${describe(root)}, wants a rank from 0 to ${agent.size - 1}.`,
  );
}

/** Sums around the ring, the tensors of each type joined; null where there are too few elements. */
async function ringSums(tensors: readonly Tensor[], seconds: number): Promise<Tensor[] | null> {
  const { agent, exchange } = currentSession("allReduce"), sums = [...tensors];
  const placesOf = (dtype: string) =>
    tensors.flatMap((x, i) => x.dtype === dtype && x.size > 0 ? [i] : []);
  const types = [...new Set(tensors.map((x) => x.dtype))].filter((dtype) =>
    placesOf(dtype).length > 0
  );
  const sizeOf = (dtype: string) => placesOf(dtype).reduce((n, i) => n + tensors[i].size, 0);
  if (types.some((dtype) => sizeOf(dtype) < agent.size)) return null;
  for (const dtype of types) {
    const places = placesOf(dtype);
    const whole = cat(places.map((i) => tensors[i].flatten()));
    const sum = await exchange.aroundRing(whole, seconds);
    let at = 0;
    for (const i of places) {
      const { size, shape } = tensors[i];
      sums[i] = sum.narrow(0, at, size).reshape(shape);
      at += size;
    }
  }
  return sums;
}

/**
 * Reduces a tree over all ranks, element by element. All ranks get the same result, to the last bit.
 *
 * @param tree a tree of tensors, of the same structure, shapes and dtypes on all ranks
 * @param options `op`, `by`, `timeout`
 * @returns a tree of that structure
 * @throws {RpcError} where ranks call different collectives, or give different trees
 * @throws {WorkerDiedError} where a rank is gone
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc(); // a world of one
 * const { w } = await distributed.allReduce({ w: tensor([1, 2]) }, { op: "mean" });
 * assertEquals(w.toArray(), [1, 2]);
 * await distributed.shutdown();
 * ```
 */
export async function allReduce<T>(tree: T, options: AllReduceOptions = {}): Promise<T> {
  const op = "allReduce";
  checkNames(op, options, ["op", "by", "timeout"]);
  const { op: operation = "sum", by } = options;
  if (!Object.hasOwn(OPERATIONS, operation)) {
    throw new RangeError(`${op}: op is ${describe(operation)}, wants sum, mean, max or min.`);
  }
  if (by !== undefined && by !== "first" && by !== "ring") {
    throw new RangeError(`${op}: by is ${describe(by)}, wants "first" or "ring".`);
  }
  const { agent, exchange, timeout } = currentSession(op), { size } = agent;
  const seconds = secondsOf(op, "timeout", options.timeout, timeout);
  const { tensors, build, shape } = take(op, tree);
  const adds = operation === "sum" || operation === "mean";
  if (by === "ring" && !adds) throw new RangeError(`${op}: a ring is for sums and means.`);
  const bytes = tensors.reduce((n, x) => n + x.size * 4, 0);
  if (size > 1 && adds && (by ?? (size > 2 && bytes >= RING_BYTES ? "ring" : "first")) === "ring") {
    const sums = await ringSums(tensors, seconds);
    if (sums !== null) return build(operation === "sum" ? sums : sums.map((x) => x.div(size)));
  }
  const combine: Combine = (given) => {
    const reduced = tensors.map((_, i) =>
      OPERATIONS[operation](stack(given.map((list) => list[i])))
    );
    return given.map(() => reduced);
  };
  return build(
    await exchange.throughFirst(`${op} ${operation} ${shape}`, tensors, combine, seconds),
  );
}

/**
 * Gives all ranks the tree of one of them.
 *
 * @param tree a tree of tensors; that of the root counts, the others give its structure
 * @param options `root`, `timeout`
 * @returns the root's tree
 * @throws {RpcError} where ranks call different collectives, or give different trees
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const [w] = await distributed.broadcast([tensor([1, 2])]);
 * assertEquals(w.toArray(), [1, 2]);
 * await distributed.shutdown();
 * ```
 */
export async function broadcast<T>(tree: T, options: RootOptions = {}): Promise<T> {
  const op = "broadcast";
  checkNames(op, options, ["root", "timeout"]);
  const root = rootOf(op, options.root ?? 0), { agent, exchange, timeout } = currentSession(op);
  const seconds = secondsOf(op, "timeout", options.timeout, timeout);
  const { tensors, build, shape } = take(op, tree);
  const combine: Combine = (given) => given.map(() => given[root]);
  const own = agent.rank === root ? tensors : [];
  return build(await exchange.throughFirst(`${op} ${root} ${shape}`, own, combine, seconds));
}

/**
 * Gives one rank the trees of all.
 *
 * @param tree a tree of tensors
 * @param options `root`, `timeout`
 * @returns on the root the trees in the order of ranks, elsewhere null
 * @throws {RpcError} where ranks call different collectives, or give different trees
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const all = await distributed.gather({ loss: tensor(3) });
 * assertEquals(all!.map(({ loss }) => loss.item()), [3]);
 * await distributed.shutdown();
 * ```
 */
export async function gather<T>(tree: T, options: RootOptions = {}): Promise<T[] | null> {
  const op = "gather";
  checkNames(op, options, ["root", "timeout"]);
  const root = rootOf(op, options.root ?? 0), { agent, exchange, timeout } = currentSession(op);
  const seconds = secondsOf(op, "timeout", options.timeout, timeout);
  const { tensors, build, shape } = take(op, tree), n = tensors.length;
  const combine: Combine = (given) => given.map((_, rank) => rank === root ? given.flat() : []);
  const all = await exchange.throughFirst(`${op} ${root} ${shape}`, tensors, combine, seconds);
  if (agent.rank !== root) return null;
  return Array.from(
    { length: agent.size },
    (_, rank) => build(all.slice(rank * n, (rank + 1) * n)),
  );
}

/**
 * Gives each rank its tree of those that one rank has.
 *
 * @param trees on the root one tree for each rank, in their order, all of one structure; elsewhere one
 * tree of that structure
 * @param options `root`, `timeout`
 * @returns this rank's tree
 * @throws {RangeError} where the root has not one tree for each rank
 * @throws {RpcError} where ranks call different collectives
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * assertEquals((await distributed.scatter([tensor([1, 2])])).toArray(), [1, 2]);
 * await distributed.shutdown();
 * ```
 */
export async function scatter<T>(trees: readonly T[], options: RootOptions = {}): Promise<T> {
  const op = "scatter";
  checkNames(op, options, ["root", "timeout"]);
  const root = rootOf(op, options.root ?? 0), { agent, exchange, timeout } = currentSession(op);
  const seconds = secondsOf(op, "timeout", options.timeout, timeout), isRoot = agent.rank === root;
  if (!Array.isArray(trees)) {
    throw new TypeError(`${op}: got ${describe(trees)}, wants an array of trees.`);
  }
  const wanted = isRoot ? agent.size : 1;
  if (trees.length !== wanted) {
    throw new RangeError(
      `${op}: got ${trees.length} trees, wants ${
        isRoot ? `one for each of the ${wanted} ranks` : "one, which gives the structure"
      }.`,
    );
  }
  const all = trees.map((tree) => take(op, tree)), n = all[0].tensors.length;
  if (all.some(({ tensors }) => tensors.length !== n)) {
    throw new RangeError(`${op}: the trees differ in structure.`);
  }
  const combine: Combine = (given) =>
    given.map((_, rank) => given[root].slice(rank * n, (rank + 1) * n));
  const own = isRoot ? all.flatMap(({ tensors }) => tensors) : [];
  return all[0].build(await exchange.throughFirst(`${op} ${root} ${n}`, own, combine, seconds));
}

/**
 * Makes the gradients of parameters their means over all ranks. A rank on which a parameter has none
 * counts as zeros; where no rank has one, it stays so.
 *
 * @param params the parameters, in the same order on all ranks
 * @param options `timeout`
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const w = tensor([1, 2], { requiresGrad: true });
 * w.square().sum().backward();
 * await distributed.averageGradients([w]);
 * assertEquals(w.grad!.toArray(), [2, 4]);
 * await distributed.shutdown();
 * ```
 */
export async function averageGradients(
  params: Iterable<Tensor>,
  options: CollectiveOptions = {},
): Promise<void> {
  const op = "averageGradients";
  checkNames(op, options, ["timeout"]);
  const list = parameterList(op, params, "an iterable of tensors") as Tensor[];
  const { tensors } = take(op, list);
  const grads = list.map((x, i) => x.grad ?? zerosLike(tensors[i]));
  const has = tensor(list.map((x) => x.grad === null ? 0 : 1), { shape: [list.length] });
  const [means, known] = await allReduce([grads, has] as const, { ...options, op: "mean" });
  const some = known.data();
  list.forEach((x, i) => {
    if (some[i] !== 0) x.grad = means[i];
  });
}

/**
 * An optimizer whose steps average gradients over all ranks first, so that ranks which began with the
 * same parameters keep the same. `broadcast` gives them the same at the beginning.
 *
 * @example
 * ```ts
 * import { distributed, SGD, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * await distributed.initRpc();
 * const w = tensor([1, 2], { requiresGrad: true });
 * const optimizer = new distributed.DistributedOptimizer(new SGD([w], { lr: 0.5 }));
 * optimizer.zeroGrad();
 * w.square().sum().backward();
 * await optimizer.step();
 * assertEquals(w.toArray(), [0, 0]);
 * await distributed.shutdown();
 * ```
 */
export class DistributedOptimizer {
  /** The optimizer that steps. */
  readonly optimizer: Optimizer;

  /** Wraps an optimizer. */
  constructor(optimizer: Optimizer) {
    if (!(optimizer instanceof OptimizerClass)) {
      throw new TypeError(
        `DistributedOptimizer: got ${
          describe(optimizer)
        }, wants an optimizer such as new Adam(params).`,
      );
    }
    this.optimizer = optimizer;
  }

  /** Makes gradients zeros, or null. */
  zeroGrad(options: ZeroGradOptions = {}): void {
    this.optimizer.zeroGrad(options);
  }

  /** Averages gradients over all ranks, then updates the parameters; all ranks have to call it. */
  async step(options: CollectiveOptions = {}): Promise<void> {
    const params = this.optimizer.paramGroups.flat();
    await averageGradients(params, options);
    this.optimizer.step();
  }
}
