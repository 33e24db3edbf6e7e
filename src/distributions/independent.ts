/**
 * Batches as events.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { describe } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { sumLast } from "./formulas.ts";

/**
 * Counts the last dimensions of a batch as part of one value: its parts are independent, and
 * `logProb` and `entropy` are sums over them.
 *
 * @example
 * ```ts
 * import { distributions, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const each = new distributions.Normal(zeros([4, 3]), 1);
 * const d = new distributions.Independent(each, 1);
 * assertEquals([d.batchShape, d.eventShape], [[4], [3]]);
 * assertEquals(d.logProb(zeros([3])).shape, [4]);
 * ```
 */
export class Independent extends Distribution {
  /** The distribution whose batch dimensions are counted differently. */
  readonly base: Distribution;
  /** Number of batch dimensions that belong to a value. */
  readonly reinterpretedBatchNdims: number;

  /**
   * A distribution, and how many batch dimensions become part of a value.
   *
   * @throws {RangeError} where the base has not as many batch dimensions
   */
  constructor(base: Distribution, reinterpretedBatchNdims: number) {
    if (!(base instanceof Distribution)) {
      throw new TypeError(`Independent: got ${describe(base)}, wants a distribution.`);
    }
    const { batchShape, eventShape, dtype } = base, most = batchShape.length;
    if (
      !Number.isInteger(reinterpretedBatchNdims) || reinterpretedBatchNdims < 0 ||
      reinterpretedBatchNdims > most
    ) {
      throw new RangeError(
        `Independent: reinterpretedBatchNdims is ${describe(reinterpretedBatchNdims)}, wants a ` +
          `whole number from 0 to ${most}, the number of batch dimensions.`,
      );
    }
    const kept = most - reinterpretedBatchNdims;
    super(batchShape.slice(0, kept), [...batchShape.slice(kept), ...eventShape], dtype);
    this.base = base;
    this.reinterpretedBatchNdims = reinterpretedBatchNdims;
  }

  /** Whether `rsample` exists. */
  override get hasRsample(): boolean {
    return this.base.hasRsample;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.base.mean;
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.base.variance;
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    return sumLast(this.base.logProb(value), this.reinterpretedBatchNdims);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return sumLast(this.base.entropy(), this.reinterpretedBatchNdims);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    const inner = this.batchShape.length + this.eventShape.length;
    const front = shape.slice(0, shape.length - inner);
    return this.hasRsample ? this.base.rsample(front, source) : this.base.sample(front, source);
  }
}
