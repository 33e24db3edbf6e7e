/**
 * The exponential distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import { rand } from "../tensor/random/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { within } from "./formulas.ts";
import { parametersOf, POSITIVE } from "./parameters.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The exponential distribution with a rate: the density is rate * exp(-rate x) for x >= 0.
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.Exponential(2);
 * assertEquals([d.mean.item(), d.variance.item()], [0.5, 0.25]);
 * assertEquals(d.prob(-1).item(), 0);
 * ```
 */
export class Exponential extends Distribution {
  /** The rate. */
  readonly rate: Tensor;

  /**
   * One distribution for each rate.
   *
   * @throws {RangeError} where `rate` has a value that is not positive
   */
  constructor(rate: Parameter, options: DistributionOptions = {}) {
    const p = parametersOf("Exponential", { rate: [rate, POSITIVE] }, options);
    super(p.rate.shape, [], p.rate.dtype);
    this.rate = p.rate;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.rate.reciprocal();
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.rate.square().reciprocal();
  }

  /** The root of the variance. */
  override get stddev(): Tensor {
    return this.mean;
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value);
    return within(x.ge(0), this.rate.log().sub(this.rate.mul(x)), x);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return this.rate.log().rsub(1);
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const x = this.valueOf("cdf", value).mul(this.rate);
    return where(x.lt(0), 0, x.neg().expm1().neg());
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    return this.probabilityOf(probability).neg().log1p().neg().div(this.rate);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], { generator }: SampleOptions): Tensor {
    return this.icdf(rand(shape, { dtype: this.dtype, device: this.rate.device, generator }));
  }
}
