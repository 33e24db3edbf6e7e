/**
 * The Gumbel distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { openUniform } from "./draws.ts";
import { within } from "./formulas.ts";
import { parametersOf, POSITIVE, REAL } from "./parameters.ts";
import { EULER } from "./special/gamma.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The Gumbel distribution, that of the largest of many values: the probability of values up to x is
 * exp(-exp(-(x - loc) / scale)).
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const d = new distributions.Gumbel(0, 1, { dtype: "float64" });
 * assertAlmostEquals(d.mean.item(), 0.5772156649015329);
 * assertAlmostEquals(d.cdf(0).item(), Math.exp(-1));
 * ```
 */
export class Gumbel extends Distribution {
  /** The most likely value. */
  readonly loc: Tensor;
  /** The width. */
  readonly scale: Tensor;

  /**
   * Parameters broadcast to the batch shape.
   *
   * @throws {RangeError} where `scale` has a value that is not positive
   */
  constructor(loc: Parameter, scale: Parameter, options: DistributionOptions = {}) {
    const p = parametersOf("Gumbel", { loc: [loc, REAL], scale: [scale, POSITIVE] }, options);
    super(p.loc.shape, [], p.loc.dtype);
    this.loc = p.loc;
    this.scale = p.scale;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.scale.mul(EULER).add(this.loc);
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.scale.square().mul(Math.PI ** 2 / 6);
  }

  #standard(op: string, value: TensorLike): Tensor {
    return this.valueOf(op, value).sub(this.loc).div(this.scale);
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const z = this.#standard("logProb", value);
    const inside = z.gt(-Infinity), at = where(inside, z, 0);
    return within(inside, at.add(at.neg().exp()).neg().sub(this.scale.log()), z);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return this.scale.log().add(1 + EULER);
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    return this.#standard("cdf", value).neg().exp().neg().exp();
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    const z = this.probabilityOf(probability).log().neg().log().neg();
    return z.mul(this.scale).add(this.loc);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    return this.icdf(openUniform(shape, this.loc, source));
  }
}
