/**
 * The beta distribution.
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
import { digamma, lbeta } from "./special/gamma.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The beta distribution: the density is proportional to x^(concentration1 - 1)
 * (1 - x)^(concentration0 - 1) between 0 and 1.
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const d = new distributions.Beta(2, 3, { dtype: "float64" });
 * assertAlmostEquals(d.mean.item(), 0.4);
 * assertAlmostEquals(d.prob(0.5).item(), 1.5);
 * ```
 */
export class Beta extends Distribution {
  /** How much draws towards 1. */
  readonly concentration1: Tensor;
  /** How much draws towards 0. */
  readonly concentration0: Tensor;

  /**
   * Parameters broadcast to the batch shape.
   *
   * @throws {RangeError} where one has a value that is not positive
   */
  constructor(
    concentration1: Parameter,
    concentration0: Parameter,
    options: DistributionOptions = {},
  ) {
    const p = parametersOf("Beta", {
      concentration1: [concentration1, POSITIVE],
      concentration0: [concentration0, POSITIVE],
    }, options);
    super(p.concentration1.shape, [], p.concentration1.dtype);
    this.concentration1 = p.concentration1;
    this.concentration0 = p.concentration0;
  }

  get #total(): Tensor {
    return this.concentration1.add(this.concentration0);
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.concentration1.div(this.#total);
  }

  /** The variance. */
  override get variance(): Tensor {
    const total = this.#total;
    return this.concentration1.mul(this.concentration0)
      .div(total.square().mul(total.add(1)));
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value), { concentration1: a, concentration0: b } = this;
    const inside = x.ge(0).logicalAnd(x.le(1)), at = where(inside, x, 0.5);
    const powers = timesLog(a.sub(1), at.log()).add(timesLog(b.sub(1), at.neg().log1p()));
    return within(inside, powers.sub(lbeta(a, b)), x);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    const { concentration1: a, concentration0: b } = this, total = this.#total;
    return lbeta(a, b).sub(a.sub(1).mul(digamma(a))).sub(b.sub(1).mul(digamma(b)))
      .add(total.sub(2).mul(digamma(total)));
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    const one = logGammaSample(this.concentration1, shape, source);
    const zero = logGammaSample(this.concentration0, shape, source);
    return one.sub(zero).sigmoid();
  }
}
