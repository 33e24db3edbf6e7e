/**
 * The gamma distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { logGammaSample } from "./draws.ts";
import { timesLog, within } from "./formulas.ts";
import { parametersOf, POSITIVE } from "./parameters.ts";
import { digamma, lgamma } from "./special/gamma.ts";
import { gammaCdf, logGammaQuantile } from "./special/incomplete_gamma.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The gamma distribution: the density is proportional to x^(concentration - 1) exp(-rate x).
 *
 * Samples are the inverse of the distribution function at uniform numbers, so that they are smooth in
 * the concentration, with derivatives of every order.
 *
 * @example
 * ```ts
 * import { autograd, distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const a = tensor(2, { requiresGrad: true });
 * const d = new distributions.Gamma(a, 4);
 * assertEquals([d.mean.item(), d.variance.item()], [0.5, 0.125]);
 * const [g] = autograd.grad(d.rsample([100]).mean(), [a]);
 * assertEquals(g!.shape, []);
 * ```
 */
export class Gamma extends Distribution {
  /** The shape parameter. */
  readonly concentration: Tensor;
  /** The rate: one over the scale. */
  readonly rate: Tensor;

  /**
   * Parameters broadcast to the batch shape.
   *
   * @throws {RangeError} where one has a value that is not positive
   */
  constructor(concentration: Parameter, rate: Parameter, options: DistributionOptions = {}) {
    const p = parametersOf("Gamma", {
      concentration: [concentration, POSITIVE],
      rate: [rate, POSITIVE],
    }, options);
    super(p.rate.shape, [], p.rate.dtype);
    this.concentration = p.concentration;
    this.rate = p.rate;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.concentration.div(this.rate);
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.concentration.div(this.rate.square());
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value), { concentration: a, rate } = this;
    const inside = x.ge(0).logicalAnd(x.lt(Infinity));
    const at = where(inside, x, 1), power = timesLog(a.sub(1), at.log());
    const density = a.mul(rate.log()).add(power).sub(rate.mul(at)).sub(lgamma(a));
    return within(inside, density, x);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    const { concentration: a, rate } = this;
    return a.sub(rate.log()).add(lgamma(a)).add(a.rsub(1).mul(digamma(a)));
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const x = this.valueOf("cdf", value), none = x.le(0);
    return where(none, 0, gammaCdf(this.concentration, where(none, 1, x).mul(this.rate).log()));
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    const u = this.probabilityOf(probability);
    return logGammaQuantile(this.concentration, u).exp().div(this.rate);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    return logGammaSample(this.concentration, shape, source).exp().div(this.rate);
  }
}
