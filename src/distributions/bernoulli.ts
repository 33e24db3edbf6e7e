/**
 * The Bernoulli distribution.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { where } from "../tensor/functions.ts";
import { rand } from "../tensor/random/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { chancesOf } from "./chances.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { timesLog, within } from "./formulas.ts";
import { ANY, parametersOf, PROBABILITY } from "./parameters.ts";
import type { Chances, Parameter } from "./types.ts";

/**
 * 1 with a probability, else 0. Give the probabilities, or `{ logits }`: log(p / (1 - p)).
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.Bernoulli(0.25);
 * assertEquals([d.mean.item(), d.prob(1).item(), d.prob(0).item()], [0.25, 0.25, 0.75]);
 * assertEquals(new distributions.Bernoulli({ logits: 0 }).mean.item(), 0.5);
 * ```
 */
export class Bernoulli extends Distribution {
  /** Probabilities of 1. */
  readonly probs: Tensor;
  /** log(p / (1 - p)). */
  readonly logits: Tensor;
  /** log of the probabilities of 0 and 1. */
  readonly #logs: readonly [Tensor, Tensor];

  /**
   * Probabilities, or an object with `probs` or `logits`, and `dtype`.
   *
   * @throws {RangeError} where a probability is not from 0 to 1
   */
  constructor(chances: Parameter | Chances) {
    const { name, value, dtype } = chancesOf("Bernoulli", chances);
    const domain = name === "probs" ? PROBABILITY : ANY;
    const x = parametersOf("Bernoulli", { [name]: [value, domain] }, { dtype })[name];
    super(x.shape, [], x.dtype);
    this.probs = name === "probs" ? x : x.sigmoid();
    this.logits = name === "logits" ? x : x.logit();
    this.#logs = name === "logits"
      ? [x.neg().logSigmoid(), x.logSigmoid()]
      : [x.neg().log1p(), x.log()];
  }

  /** Whether `rsample` exists. */
  override get hasRsample(): boolean {
    return false;
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.probs;
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.probs.mul(this.probs.rsub(1));
  }

  /** log of the probability of values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value), [zero, one] = this.#logs;
    // What cannot be counts only where it is.
    const inside = x.eq(0).logicalOr(x.eq(1)), at = where(inside, x, 0);
    return within(inside, timesLog(at, one).add(timesLog(at.rsub(1), zero)), x);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    const [zero, one] = this.#logs;
    return timesLog(this.probs, one).add(timesLog(this.probs.rsub(1), zero)).neg();
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const x = this.valueOf("cdf", value);
    const sums = where(x.lt(0), 0, where(x.lt(1), this.probs.rsub(1), 1));
    return sums.maskedFill(x.isNan(), NaN);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], { generator }: SampleOptions): Tensor {
    return rand(shape, { dtype: this.dtype, device: this.probs.device, generator }).lt(this.probs)
      .to(this.dtype);
  }
}
