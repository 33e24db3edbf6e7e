/**
 * The uniform distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { zerosLike } from "../tensor/creation.ts";
import { rand } from "../tensor/random/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { within } from "./formulas.ts";
import { parametersOf, REAL } from "./parameters.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The uniform distribution on [low, high).
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.Uniform(1, 3);
 * assertEquals(d.prob(2).item(), 0.5);
 * assertEquals(d.prob(4).item(), 0);
 * assertEquals(d.icdf(0.25).item(), 1.5);
 * ```
 */
export class Uniform extends Distribution {
  /** The lower end, which belongs to it. */
  readonly low: Tensor;
  /** The upper end, which does not. */
  readonly high: Tensor;

  /**
   * Parameters broadcast to the batch shape.
   *
   * @throws {RangeError} where `low` is not below `high`
   */
  constructor(low: Parameter, high: Parameter, options: DistributionOptions = {}) {
    const p = parametersOf("Uniform", { low: [low, REAL], high: [high, REAL] }, options, [
      "low",
      "high",
    ]);
    super(p.low.shape, [], p.low.dtype);
    this.low = p.low;
    this.high = p.high;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.low.add(this.high).mul(0.5);
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.#width.square().div(12);
  }

  get #width(): Tensor {
    return this.high.sub(this.low);
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value);
    const inside = x.ge(this.low).logicalAnd(x.lt(this.high));
    return within(inside, zerosLike(x).sub(this.#width.log()), x);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return this.#width.log();
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    return this.valueOf("cdf", value).sub(this.low).div(this.#width).clamp(0, 1);
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    return this.probabilityOf(probability).mul(this.#width).add(this.low);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], { generator }: SampleOptions): Tensor {
    const u = rand(shape, { dtype: this.dtype, device: this.low.device, generator });
    return u.mul(this.#width).add(this.low);
  }
}
