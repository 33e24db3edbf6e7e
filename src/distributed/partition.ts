/**
 * Partitioners: which part of the arguments goes to which rank.
 *
 * @module
 */

import { treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { ShapeError } from "../graph/errors.ts";
import { showShape } from "../graph/shape.ts";
import { TensorCore } from "../tensor/core.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { workerId, worldInfo } from "./world_state.ts";

/** Arguments by position. */
export type Args = readonly unknown[];

/** Arguments by name: they travel as one object behind the others. */
export type KwArgs = Readonly<Record<string, unknown>>;

/** One call: the rank that it goes to, and its arguments. */
export type Partition = readonly [worker: number, args: Args, kwargs: KwArgs];

/** Divides the arguments of one call into calls. */
export type PartitionFunction = (args: Args, kwargs?: KwArgs) => readonly Partition[];

/** Options of {@linkcode dimPartitioner}. */
export interface DimPartitionerOptions {
  /** Dimension along which tensors are divided (default 0); negative ones count from the end. */
  readonly dim?: number;
  /** Whether each sample is a call of its own (default false). */
  readonly exclusive?: boolean;
  /** Whether a single sample keeps the dimension (default true); false wants `exclusive`. */
  readonly keepdim?: boolean;
  /** Ranks or names of the workers (default: all, in order). */
  readonly workers?: readonly (number | string)[] | null;
}

const NAMES = ["dim", "exclusive", "keepdim", "workers"];

/** The samples from `start` to `end`, or the one at `start` where the dimension goes. */
function part(x: Tensor, dim: number, start: number, end: number, keepdim: boolean): Tensor {
  return keepdim ? x.narrow(dim, start, end - start) : x.select(dim, start);
}

/**
 * Divides tensors along a dimension among workers. All else goes to each of them.
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const each = new distributed.TensorDimensionPartitioner(0, { exclusive: true });
 * const parts = each.partition([tensor([1, 2, 3]), "flag"]);
 * assertEquals(parts.map(([worker, [x]]) => [worker, (x as typeof x & { item(): number }).item()]), [
 *   [0, 1],
 *   [0, 2],
 *   [0, 3],
 * ]);
 * ```
 */
export class TensorDimensionPartitioner {
  /** Dimension along which tensors are divided. */
  readonly dim: number;
  /** Whether each sample is a call of its own. */
  readonly exclusive: boolean;
  /** Whether a single sample keeps the dimension. */
  readonly keepdim: boolean;
  /** Ranks or names of the workers; null for all. */
  readonly workers: readonly (number | string)[] | null;

  /**
   * What divides along a dimension.
   *
   * @param dim dimension along which tensors are divided
   * @param options `exclusive` (default false), `keepdim` (default false), `workers` (default all)
   * @throws {RangeError} where `keepdim` is false and `exclusive` is not true
   */
  constructor(dim: number, options: Omit<DimPartitionerOptions, "dim"> = {}) {
    const op = "TensorDimensionPartitioner";
    checkNames(op, options, NAMES.slice(1));
    const { exclusive = false, keepdim = false, workers = null } = options;
    if (!Number.isInteger(dim)) {
      throw new TypeError(`${op}: dim is ${describe(dim)}, wants a whole number.`);
    }
    if (workers !== null && !Array.isArray(workers)) {
      throw new TypeError(
        `${op}: workers is ${describe(workers)}, wants an array of ranks or names.`,
      );
    }
    if (workers?.length === 0) throw new RangeError(`${op}: workers is empty, wants at least one.`);
    if (!keepdim && !exclusive) {
      throw new RangeError(`${op}: keepdim: false should be used with exclusive: true.`);
    }
    this.dim = dim;
    this.exclusive = exclusive;
    this.keepdim = keepdim;
    this.workers = workers;
  }

  /**
   * The calls that the arguments are divided into, in order. Without a tensor among them it is one, on
   * this rank. Where there are fewer samples than workers, the first workers get one sample each; where
   * there are more, the last worker gets what remains.
   *
   * @param args arguments by position; tensors may be nested in them
   * @param kwargs arguments by name
   * @returns rank and arguments of each call
   * @throws {ShapeError} where tensors differ in size along the dimension
   */
  partition(args: Args, kwargs: KwArgs = {}): Partition[] {
    const op = "partition";
    if (!Array.isArray(args)) {
      throw new TypeError(`${op}: the arguments are ${describe(args)}, wants an array.`);
    }
    const { leaves, def } = treeFlatten<unknown>([args, kwargs] as never);
    const batch = this.#batchOf(leaves);
    if (batch === null) return [[worldInfo().worldRank, args, kwargs]];
    const workers = this.workers?.map((id) => workerId(op, id)) ??
      Array.from({ length: worldInfo().worldSize }, (_, rank) => rank);
    const take = (start: number, end: number, worker: number): Partition => {
      const parts = leaves.map((x) =>
        x instanceof TensorCore ? part(x as Tensor, this.dim, start, end, this.keepdim) : x
      );
      const [own, named] = treeUnflatten(def, parts) as unknown as [Args, KwArgs];
      return [worker, own, named];
    };
    const n = workers.length;
    if (this.exclusive || batch <= n) {
      return Array.from({ length: batch }, (_, i) => take(i, i + 1, workers[i % n]));
    }
    const each = Math.floor(batch / n);
    return workers.map((worker, i) => take(i * each, i === n - 1 ? batch : (i + 1) * each, worker));
  }

  /** Number of samples; null where there is no tensor. */
  #batchOf(leaves: readonly unknown[]): number | null {
    let batch: number | null = null;
    for (const x of leaves) {
      if (!(x instanceof TensorCore)) continue;
      const { shape } = x, at = this.dim < 0 ? this.dim + shape.length : this.dim;
      if (at < 0 || at >= shape.length) {
        throw new ShapeError(
          `partition: a tensor of shape ${showShape(shape)} has no dimension ${this.dim} to be ` +
            "divided along; numbers go to all workers.",
        );
      }
      if (batch === null) batch = shape[at];
      else if (shape[at] !== batch) {
        throw new ShapeError(
          `partition: Batch size mismatch on dim=${this.dim}. Expected ${batch}, got ${
            shape[at]
          } (shape: ${showShape(shape)}).`,
        );
      }
    }
    return batch;
  }
}

/**
 * A function that divides arguments along a dimension: all tensors in them, nested ones too; what is
 * no tensor goes to each worker.
 *
 * @param options `dim`, `exclusive`, `keepdim`, `workers`
 * @returns the function: `(args, kwargs) => [worker, args, kwargs][]`
 * @throws {RangeError} where `keepdim` is false and `exclusive` is not true
 *
 * @example
 * ```ts
 * import { distributed, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const divide = distributed.dimPartitioner({ dim: 1, exclusive: true, keepdim: false });
 * const parts = divide([tensor([[1, 2], [3, 4]])], { scale: 2 });
 * assertEquals(parts.map(([, [x]]) => (x as Tensor).toArray()), [[1, 3], [2, 4]]);
 * ```
 */
export function dimPartitioner(options: DimPartitionerOptions = {}): PartitionFunction {
  checkNames("dimPartitioner", options, NAMES);
  const { dim = 0, exclusive = false, keepdim = true, workers = null } = options;
  const partitioner = new TensorDimensionPartitioner(dim, { exclusive, keepdim, workers });
  return (args, kwargs) => partitioner.partition(args, kwargs);
}

const byBatch = dimPartitioner({ dim: 0, exclusive: false, keepdim: true });
const bySample = dimPartitioner({ dim: 0, exclusive: true, keepdim: true });

/**
 * Divides arguments along their first dimension among all workers, into as many calls as there are
 * workers or samples, whichever is less.
 *
 * @param args arguments by position
 * @param kwargs arguments by name
 * @returns rank and arguments of each call
 * @throws {ShapeError} where tensors differ in size along the first dimension
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.batchPartitioner([tensor([1, 2])]).length, 1); // a world of one
 * ```
 */
export function batchPartitioner(args: Args, kwargs?: KwArgs): readonly Partition[] {
  return byBatch(args, kwargs);
}

/**
 * Divides arguments along their first dimension into one call a sample, in turn to all workers.
 *
 * @param args arguments by position
 * @param kwargs arguments by name
 * @returns rank and arguments of each call
 * @throws {ShapeError} where tensors differ in size along the first dimension
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.exclusiveBatchPartitioner([tensor([1, 2])]).length, 2);
 * ```
 */
export function exclusiveBatchPartitioner(args: Args, kwargs?: KwArgs): readonly Partition[] {
  return bySample(args, kwargs);
}
