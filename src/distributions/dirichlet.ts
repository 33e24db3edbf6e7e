/**
 * The Dirichlet distribution.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { logGammaSample } from "./draws.ts";
import { timesLog, within } from "./formulas.ts";
import { parametersOf, POSITIVE } from "./parameters.ts";
import { digamma, lgamma } from "./special/gamma.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/** Distance of 1 to the next number. */
const PRECISION: Readonly<Partial<Record<Tensor["dtype"], number>>> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
};

/**
 * The Dirichlet distribution of weights that sum to 1, along the last dimension.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.Dirichlet(tensor([1, 3]));
 * assertEquals([d.batchShape, d.eventShape], [[], [2]]);
 * assertEquals(d.mean.toArray(), [0.25, 0.75]);
 * ```
 */
export class Dirichlet extends Distribution {
  /** How much draws towards each category. */
  readonly concentration: Tensor;

  /**
   * Concentrations along the last dimension; those in front count the batch.
   *
   * @throws {RangeError} where one is not positive
   * @throws {ShapeError} where there is no dimension of categories
   */
  constructor(concentration: Parameter, options: DistributionOptions = {}) {
    const p = parametersOf("Dirichlet", { concentration: [concentration, POSITIVE] }, options);
    const { shape, dtype } = p.concentration;
    if (shape.length === 0) {
      throw new ShapeError("Dirichlet: got a scalar, wants at least one dimension of categories.");
    }
    super(shape.slice(0, -1), shape.slice(-1), dtype);
    this.concentration = p.concentration;
  }

  get #total(): Tensor {
    return this.concentration.sum(-1, { keepdim: true });
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.concentration.div(this.#total);
  }

  /** The variance. */
  override get variance(): Tensor {
    const { mean } = this;
    return mean.mul(mean.rsub(1)).div(this.#total.add(1));
  }

  /**
   * log of the density at values; minus infinity off the simplex, where a part is negative or the sum
   * is not 1 to 1e-6 (or, where that is more, to one rounding error for each part).
   */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value), { concentration: a } = this;
    const positive = x.ge(0), at = where(positive, x, 1), total = x.sum(-1);
    const tolerance = Math.max(1e-6, this.eventShape[0] * PRECISION[x.dtype]!);
    const inside = positive.all(-1).logicalAnd(total.sub(1).abs().le(tolerance));
    const powers = timesLog(a.sub(1), at.log()).sum(-1);
    return within(inside, powers.add(lgamma(a.sum(-1))).sub(lgamma(a).sum(-1)), total);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    const { concentration: a } = this, total = a.sum(-1), n = a.shape[a.ndim - 1];
    return lgamma(a).sum(-1).sub(lgamma(total)).add(total.sub(n).mul(digamma(total)))
      .sub(a.sub(1).mul(digamma(a)).sum(-1));
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    return logGammaSample(this.concentration, shape, source).softmax(-1);
  }
}
