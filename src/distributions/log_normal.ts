/**
 * The log-normal distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { within } from "./formulas.ts";
import { Normal } from "./normal.ts";
import { TransformedDistribution } from "./transformed.ts";
import { ExpTransform } from "./transforms.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The distribution of exp(x) for a normal variable x with mean `loc` and standard deviation `scale`.
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const d = new distributions.LogNormal(1, 2, { dtype: "float64" });
 * assertAlmostEquals(d.mean.item(), Math.exp(3));
 * assertAlmostEquals(d.icdf(0.5).item(), Math.E);
 * ```
 */
export class LogNormal extends TransformedDistribution {
  /** The normal distribution of the logarithm. */
  declare readonly base: Normal;

  /**
   * Parameters broadcast to the batch shape.
   *
   * @throws {RangeError} where `scale` has a value that is not positive
   */
  constructor(loc: Parameter, scale: Parameter, options: DistributionOptions = {}) {
    super(new Normal(loc, scale, options), [new ExpTransform()]);
  }

  /** The mean of the logarithm. */
  get loc(): Tensor {
    return this.base.loc;
  }

  /** The standard deviation of the logarithm. */
  get scale(): Tensor {
    return this.base.scale;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.loc.add(this.scale.square().mul(0.5)).exp();
  }

  /** The variance. */
  override get variance(): Tensor {
    const square = this.scale.square();
    return square.expm1().mul(this.loc.mul(2).add(square).exp());
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value), inside = x.gt(0);
    return within(inside, super.logProb(where(inside, x, 1)), x);
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const x = this.valueOf("cdf", value), none = x.le(0);
    return where(none, 0, super.cdf(where(none, 1, x)));
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return this.base.entropy().add(this.loc);
  }
}
