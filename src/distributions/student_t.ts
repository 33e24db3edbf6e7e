/**
 * Student's t distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { logGammaSample, standardNormal } from "./draws.ts";
import { parametersOf, POSITIVE, REAL } from "./parameters.ts";
import { digamma, lgamma } from "./special/gamma.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * Student's t distribution with `df` degrees of freedom, moved by `loc` and stretched by `scale`.
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.StudentT(3, 1, 2);
 * assertEquals([d.mean.item(), d.variance.item()], [1, 12]);
 * assertEquals(new distributions.StudentT(1).mean.item(), NaN);
 * ```
 */
export class StudentT extends Distribution {
  /** Degrees of freedom. */
  readonly df: Tensor;
  /** The median. */
  readonly loc: Tensor;
  /** The width. */
  readonly scale: Tensor;

  /**
   * Parameters broadcast to the batch shape; `loc` is 0 and `scale` 1 by default.
   *
   * @throws {RangeError} where `df` or `scale` has a value that is not positive
   */
  constructor(
    df: Parameter,
    loc: Parameter = 0,
    scale: Parameter = 1,
    options: DistributionOptions = {},
  ) {
    const p = parametersOf("StudentT", {
      df: [df, POSITIVE],
      loc: [loc, REAL],
      scale: [scale, POSITIVE],
    }, options);
    super(p.df.shape, [], p.df.dtype);
    this.df = p.df;
    this.loc = p.loc;
    this.scale = p.scale;
  }

  /** NaN for one degree of freedom or less. */
  override get mean(): Tensor {
    return this.loc.maskedFill(this.df.le(1), NaN);
  }

  /** Infinite for two degrees of freedom or less, NaN for one or less. */
  override get variance(): Tensor {
    const { df } = this, finite = df.gt(2), at = where(finite, df, 3);
    return this.scale.square().mul(at.div(at.sub(2)))
      .maskedFill(finite.logicalNot(), Infinity).maskedFill(df.le(1), NaN);
  }

  /** log of the density's constant. */
  get #logConstant(): Tensor {
    const half = this.df.mul(0.5);
    return lgamma(half.add(0.5)).sub(lgamma(half)).sub(
      this.df.log().add(Math.log(Math.PI)).mul(0.5),
    )
      .sub(this.scale.log());
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const z = this.valueOf("logProb", value).sub(this.loc).div(this.scale);
    return this.#logConstant.sub(
      z.square().div(this.df).log1p().mul(this.df.add(1).mul(0.5)),
    );
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    const half = this.df.mul(0.5), more = half.add(0.5);
    return more.mul(digamma(more).sub(digamma(half))).sub(this.#logConstant);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    const normal = standardNormal(shape, this.df, source);
    const half = this.df.mul(0.5), log = logGammaSample(half, shape, source);
    // The root of a chi-square variable over its degrees of freedom.
    const root = log.sub(half.log()).mul(0.5).exp();
    return normal.div(root).mul(this.scale).add(this.loc);
  }
}
