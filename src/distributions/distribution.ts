/**
 * What all distributions have.
 *
 * @module
 */

import { noGrad } from "../autodiff/modes.ts";
import { GradientError } from "../graph/errors.ts";
import { isFloat } from "../graph/node.ts";
import { checkShape } from "../graph/shape.ts";
import type { TensorLike } from "../tensor/core.ts";
import { tensor } from "../tensor/creation.ts";
import { checkArray, checkNames } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";
import type { Generator } from "../tensor/random/philox.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of `sample` and `rsample`. */
export interface SampleOptions {
  /** Source of the numbers (default: the global one, see `manualSeed`). */
  readonly generator?: Generator;
}

/**
 * A probability distribution, or a batch of them.
 *
 * As in PyTorch, the shape of a sample is that which was asked for, then `batchShape` (one for each
 * distribution of the batch), then `eventShape` (the shape of one value). `logProb` and its like take
 * values of such a shape, or one that broadcasts to it, and give one number for each value. Random
 * numbers come from the project's generator: with the same seed they are the same with and without
 * kernels, compiled, and in a Worker. Parameters that are tensors may require gradients, and may be
 * unknown while a function is traced; numbers out of range are errors where they are known.
 *
 * @example
 * ```ts
 * import { distributions, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * // Whether a distribution draws values that differ.
 * const isRandom = (d: distributions.Distribution) => d.variance.gt(0).any().item() === 1;
 *
 * const normal = new distributions.Normal(tensor([0, 1]), 2);
 * assert(normal instanceof distributions.Distribution && isRandom(normal) && normal.hasRsample);
 * assertEquals([normal.batchShape, normal.eventShape], [[2], []]);
 * assertEquals(normal.sampleBatch(5, [3]).shape, [5, 3, 2]);
 * assert((normal.stddev as Tensor).allclose(tensor([2, 2])));
 * assert(normal.logCdf(tensor([0, 1])).exp().allclose(tensor([0.5, 0.5])));
 * ```
 */
export abstract class Distribution {
  /** The shape of the batch of distributions. */
  readonly batchShape: readonly number[];
  /** The shape of one value. */
  readonly eventShape: readonly number[];
  /** Element type of the parameters. */
  readonly dtype: Tensor["dtype"];

  /** For subclasses. */
  constructor(
    batchShape: readonly number[],
    eventShape: readonly number[],
    dtype: Tensor["dtype"],
  ) {
    checkShape("Distribution", batchShape);
    checkShape("Distribution", eventShape);
    this.batchShape = [...batchShape];
    this.eventShape = [...eventShape];
    this.dtype = dtype;
  }

  /** Whether `rsample` exists: samples that are differentiable in the parameters. */
  get hasRsample(): boolean {
    return true;
  }

  /** The expected value. */
  abstract get mean(): Tensor;

  /** The variance. */
  abstract get variance(): Tensor;

  /** The root of the variance. */
  get stddev(): Tensor {
    return this.variance.sqrt();
  }

  /**
   * Samples without derivatives.
   *
   * @param shape the shape in front of batch and event (default `[]`)
   * @param options `generator`
   */
  sample(shape: readonly number[] = [], options: SampleOptions = {}): Tensor {
    const full = this.checkSample("sample", shape, options);
    return noGrad(() => this.draw(full, options)).detach();
  }

  /**
   * Samples that are functions of the parameters and of noise that is not, with their derivatives.
   *
   * @param shape the shape in front of batch and event (default `[]`)
   * @param options `generator`
   * @throws {GradientError} where the distribution has none, as discrete ones
   */
  rsample(shape: readonly number[] = [], options: SampleOptions = {}): Tensor {
    const full = this.checkSample("rsample", shape, options);
    if (this.hasRsample) return this.draw(full, options);
    throw new GradientError(
      `${this.constructor.name}.rsample: samples are no differentiable function of the parameters; ` +
        `use sample(), and logProb() for the score.`,
    );
  }

  /** `count` samples for `diff.zeroOrder`, where the distribution is that of one number. */
  sampleBatch(count: number, shape: readonly number[]): Tensor {
    return this.sample([count, ...shape]);
  }

  /** log of the density (or probability) at values. */
  abstract logProb(value: TensorLike): Tensor;

  /** The density, or probability, at values. */
  prob(value: TensorLike): Tensor {
    return this.logProb(value).exp();
  }

  /** The entropy, in nats. */
  entropy(): Tensor {
    throw new TypeError(`${this.constructor.name}.entropy: there is no closed form.`);
  }

  /** The probability of values up to this one. */
  cdf(_value: TensorLike): Tensor {
    throw new TypeError(`${this.constructor.name}.cdf: there is no closed form.`);
  }

  /** The value with this probability of smaller ones: the inverse of `cdf`; NaN outside of 0 to 1. */
  icdf(_probability: TensorLike): Tensor {
    throw new TypeError(`${this.constructor.name}.icdf: there is no closed form.`);
  }

  /** @ignore Samples of a full shape, differentiable where there is such a thing. */
  protected abstract draw(shape: readonly number[], source: SampleOptions): Tensor;

  /** @ignore The full shape of samples. */
  protected checkSample(
    method: string,
    shape: readonly number[],
    options: SampleOptions,
  ): readonly number[] {
    const op = `${this.constructor.name}.${method}`;
    checkNames(op, options, ["generator"]);
    checkArray(op, "the shape", shape);
    checkShape(op, shape);
    return [...shape, ...this.batchShape, ...this.eventShape];
  }

  /** @ignore Values as a tensor in the type of the parameters, or a wider one. */
  protected valueOf(op: string, value: TensorLike): Tensor {
    if (typeof value === "number") return tensor(value, { dtype: this.dtype });
    checkTensor(`${this.constructor.name}.${op}`, "the value", value);
    return isFloat((value as Tensor).dtype) ? value as Tensor : (value as Tensor).to(this.dtype);
  }

  /** @ignore What icdf() is given: probabilities, and NaN for what is none. */
  protected probabilityOf(value: TensorLike): Tensor {
    const x = this.valueOf("icdf", value);
    return x.maskedFill(x.lt(0).logicalOr(x.gt(1)), NaN);
  }
}
