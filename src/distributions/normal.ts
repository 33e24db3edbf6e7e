/**
 * The normal distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { standardNormal } from "./draws.ts";
import { parametersOf, POSITIVE, REAL } from "./parameters.ts";
import { logNormalCdf, logNormalDensity, normalCdf, normalQuantile } from "./special/normal.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The normal distribution with mean `loc` and standard deviation `scale`.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.Normal(tensor([0, 10]), 2);
 * assertEquals(d.sample([3]).shape, [3, 2]);
 * assertEquals(d.mean.toArray(), [0, 10]);
 * assertEquals(d.cdf(tensor([0, 10])).toArray(), [0.5, 0.5]);
 * ```
 */
export class Normal extends Distribution {
  /** The mean. */
  readonly loc: Tensor;
  /** The standard deviation. */
  readonly scale: Tensor;

  /**
   * Parameters broadcast to the batch shape.
   *
   * @throws {RangeError} where `scale` has a value that is not positive
   */
  constructor(loc: Parameter, scale: Parameter, options: DistributionOptions = {}) {
    const p = parametersOf("Normal", { loc: [loc, REAL], scale: [scale, POSITIVE] }, options);
    super(p.loc.shape, [], p.loc.dtype);
    this.loc = p.loc;
    this.scale = p.scale;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.loc;
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.scale.square();
  }

  /** The root of the variance. */
  override get stddev(): Tensor {
    return this.scale;
  }

  #standard(op: string, value: TensorLike): Tensor {
    return this.valueOf(op, value).sub(this.loc).div(this.scale);
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    return logNormalDensity(this.#standard("logProb", value)).sub(this.scale.log());
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return this.scale.log().add(0.5 + 0.5 * Math.log(2 * Math.PI));
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    return normalCdf(this.#standard("cdf", value));
  }

  /** log of the probability of values up to this one, also where that is too small for its type. */
  logCdf(value: TensorLike): Tensor {
    return logNormalCdf(this.#standard("logCdf", value));
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    return normalQuantile(this.probabilityOf(probability)).mul(this.scale).add(this.loc);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    return standardNormal(shape, this.loc, source).mul(this.scale).add(this.loc);
  }
}
