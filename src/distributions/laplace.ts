/**
 * The Laplace distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { openUniform } from "./draws.ts";
import { parametersOf, POSITIVE, REAL } from "./parameters.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The Laplace distribution: the density is exp(-|x - loc| / scale) / (2 scale).
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.Laplace(1, 2);
 * assertEquals([d.mean.item(), d.variance.item(), d.prob(1).item()], [1, 8, 0.25]);
 * ```
 */
export class Laplace extends Distribution {
  /** The mean. */
  readonly loc: Tensor;
  /** The mean distance from it. */
  readonly scale: Tensor;

  /**
   * Parameters broadcast to the batch shape.
   *
   * @throws {RangeError} where `scale` has a value that is not positive
   */
  constructor(loc: Parameter, scale: Parameter, options: DistributionOptions = {}) {
    const p = parametersOf("Laplace", { loc: [loc, REAL], scale: [scale, POSITIVE] }, options);
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
    return this.scale.square().mul(2);
  }

  #standard(op: string, value: TensorLike): Tensor {
    return this.valueOf(op, value).sub(this.loc).div(this.scale);
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    return this.#standard("logProb", value).abs().neg().sub(this.scale.mul(2).log());
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return this.scale.mul(2).log().add(1);
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const z = this.#standard("cdf", value), tail = z.abs().neg().exp().mul(0.5);
    return where(z.lt(0), tail, tail.rsub(1));
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    const p = this.probabilityOf(probability), below = p.lt(0.5);
    const z = where(
      below,
      where(below, p, 0.5).mul(2).log(),
      where(below, 0.5, p).neg().log1p().add(Math.LN2).neg(),
    );
    return z.mul(this.scale).add(this.loc);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    return this.icdf(openUniform(shape, this.loc, source));
  }
}
