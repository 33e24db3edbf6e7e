/**
 * The normal distribution between two ends.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { maximum, minimum, where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { openUniform } from "./draws.ts";
import { within } from "./formulas.ts";
import { ANY, parametersOf, POSITIVE, REAL } from "./parameters.ts";
import { log1mexp, logNormalCdf, logNormalDensity, logNormalQuantile } from "./special/normal.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/**
 * The normal distribution with mean `loc` and standard deviation `scale` before it was cut to
 * [low, high]. Everything is computed from logarithms of the smaller tail, so that ends far from the
 * mean are no trouble.
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const d = new distributions.TruncatedNormal(2, 0.05, -10, -1, { dtype: "float64" });
 * assertAlmostEquals(d.logProb(-1.5).item(), -642.909645579084);
 * const x = d.sample([100]);
 * assert(x.ge(-10).all().item() && x.le(-1).all().item());
 * ```
 */
export class TruncatedNormal extends Distribution {
  /** The mean before the cut. */
  readonly loc: Tensor;
  /** The standard deviation before the cut. */
  readonly scale: Tensor;
  /** The lower end. */
  readonly low: Tensor;
  /** The upper end. */
  readonly high: Tensor;

  /**
   * Parameters broadcast to the batch shape; the ends are infinite by default.
   *
   * @throws {RangeError} where `scale` is not positive, or `low` not below `high`
   */
  constructor(
    loc: Parameter,
    scale: Parameter,
    low: Parameter = -Infinity,
    high: Parameter = Infinity,
    options: DistributionOptions = {},
  ) {
    const p = parametersOf(
      "TruncatedNormal",
      {
        loc: [loc, REAL],
        scale: [scale, POSITIVE],
        low: [low, ANY],
        high: [high, ANY],
      },
      options,
      ["low", "high"],
    );
    super(p.loc.shape, [], p.loc.dtype);
    this.loc = p.loc;
    this.scale = p.scale;
    this.low = p.low;
    this.high = p.high;
  }

  #standard(x: Tensor): Tensor {
    return x.sub(this.loc).div(this.scale);
  }

  /** An end in standard units; an infinite one depends on nothing. */
  #end(x: Tensor): Tensor {
    return where(x.isInf(), x, this.#standard(finite(x)));
  }

  /**
   * The ends in standard units, reflected to the left tail where both are in the right one, and the logs
   * of the probabilities below them and between them.
   */
  #cut() {
    const a = this.#end(this.low), b = this.#end(this.high), flipped = a.gt(0);
    const lower = where(flipped, b.neg(), a), upper = where(flipped, a.neg(), b);
    const logLower = below(lower), logUpper = below(upper);
    return { a, b, flipped, logLower, logUpper, logZ: logDifference(logUpper, logLower) };
  }

  /** The expected value. */
  override get mean(): Tensor {
    const { a, b, logZ } = this.#cut();
    return densityAt(a, logZ).sub(densityAt(b, logZ)).mul(this.scale).add(this.loc);
  }

  /** The variance. */
  override get variance(): Tensor {
    const { a, b, logZ } = this.#cut();
    const at = densityAt(a, logZ), bt = densityAt(b, logZ);
    const bent = finite(a).mul(at).sub(finite(b).mul(bt));
    return bent.add(1).sub(at.sub(bt).square()).mul(this.scale.square());
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value);
    const inside = x.ge(this.low).logicalAnd(x.le(this.high));
    const density = logNormalDensity(this.#standard(x)).sub(this.scale.log()).sub(this.#cut().logZ);
    return within(inside, density, x);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    const { a, b, logZ } = this.#cut();
    const bent = finite(a).mul(densityAt(a, logZ)).sub(finite(b).mul(densityAt(b, logZ)));
    return this.scale.log().add(logZ).add(0.5 + 0.5 * Math.log(2 * Math.PI)).add(bent.mul(0.5));
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const x = this.valueOf("cdf", value);
    const at = this.#standard(minimum(maximum(x, this.low), this.high));
    const { flipped, logLower, logUpper, logZ } = this.#cut();
    const log = below(where(flipped, at.neg(), at));
    // Reflected, it is the probability between the value and the other end.
    const p = logDifference(where(flipped, logUpper, log), where(flipped, log, logLower));
    return p.sub(logZ).exp();
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    const u = this.probabilityOf(probability);
    const { flipped, logLower, logUpper, logZ } = this.#cut();
    const part = where(flipped, u.rsub(1), u);
    // log(lower + part * (upper - lower)), from whichever end is larger.
    const log = logSum(logLower, logZ.add(part.log()));
    const z = logNormalQuantile(minimum(log, logUpper));
    const x = where(flipped, z.neg(), z).mul(this.scale).add(this.loc);
    return minimum(maximum(x, this.low), this.high);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    return this.icdf(openUniform(shape, this.loc, source));
  }
}

/** log of the standard normal probability below x, which may be infinite. */
function below(x: Tensor): Tensor {
  const log = logNormalCdf(finite(x));
  return where(x.eq(-Infinity), -Infinity, where(x.eq(Infinity), 0, log));
}

/** The tensor with 0 for what is infinite. */
function finite(x: Tensor): Tensor {
  return where(x.isInf(), 0, x);
}

/** The standard density at x over the probability that is left. */
function densityAt(x: Tensor, logZ: Tensor): Tensor {
  return where(x.isInf(), 0, logNormalDensity(finite(x)).sub(logZ).exp());
}

/** log(e^a - e^b) for a >= b. */
function logDifference(a: Tensor, b: Tensor): Tensor {
  const none = b.eq(-Infinity);
  return where(none, a, a.add(log1mexp(where(none, -1, b.sub(a)))));
}

/** log(e^a + e^b). */
function logSum(a: Tensor, b: Tensor): Tensor {
  const high = maximum(a, b), low = minimum(a, b), none = low.eq(-Infinity);
  return where(none, high, high.add(where(none, -1, low.sub(high)).exp().log1p()));
}
