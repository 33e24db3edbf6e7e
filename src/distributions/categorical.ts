/**
 * The categorical distribution.
 *
 * @module
 */

import { isFloat } from "../graph/node.ts";
import { ShapeError } from "../graph/errors.ts";
import { broadcastShapes } from "../graph/shape.ts";
import type { TensorLike } from "../tensor/core.ts";
import { fullLike } from "../tensor/creation.ts";
import { where } from "../tensor/functions.ts";
import { checkTensor } from "../tensor/promotion.ts";
import { rand } from "../tensor/random/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { chancesOf } from "./chances.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { timesLog, within } from "./formulas.ts";
import { ANY, parametersOf } from "./parameters.ts";
import type { Chances, Parameter } from "./types.ts";

/**
 * One of the numbers 0 to n - 1, with probabilities along the last dimension. Give weights, which are
 * divided by their sum, or `{ logits }`, log-probabilities up to a constant; minus infinity is a
 * category that does not occur. Samples are int64.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const d = new distributions.Categorical(tensor([1, 3, 0]));
 * assertEquals(d.probs.toArray(), [0.25, 0.75, 0]);
 * assertAlmostEquals(d.entropy().item(), 0.5623351446, 1e-6);
 * assertEquals(d.sample([5]).shape, [5]);
 * ```
 */
export class Categorical extends Distribution {
  /** Probabilities, which sum to 1. */
  readonly probs: Tensor;
  /** Their logarithms. */
  readonly logits: Tensor;

  /**
   * Weights, or an object with `probs` or `logits`, and `dtype`.
   *
   * @throws {RangeError} where a weight is negative or not finite
   * @throws {ShapeError} where there is no dimension of categories
   */
  constructor(chances: Parameter | Chances) {
    const { name, value, dtype } = chancesOf("Categorical", chances);
    const domain = name === "logits" ? ANY : WEIGHT;
    const x = parametersOf("Categorical", { [name]: [value, domain] }, { dtype })[name];
    if (x.ndim === 0 || x.shape[x.ndim - 1] === 0) {
      throw new ShapeError(
        "Categorical: got no categories, wants a last dimension with one probability each.",
      );
    }
    super(x.shape.slice(0, -1), [], x.dtype);
    if (name === "logits") {
      this.logits = x.logSoftmax(-1);
      this.probs = x.softmax(-1);
    } else {
      this.probs = x.div(x.sum(-1, { keepdim: true }));
      const none = this.probs.eq(0);
      this.logits = where(none, 1, this.probs).log().maskedFill(none, -Infinity);
    }
  }

  /** Whether `rsample` exists. */
  override get hasRsample(): boolean {
    return false;
  }

  /** Number of categories. */
  get numEvents(): number {
    return this.probs.shape[this.probs.ndim - 1];
  }

  /** NaN: categories have no mean. */
  override get mean(): Tensor {
    return fullLike(this.probs.select(-1, 0), NaN);
  }

  /** NaN: categories have no variance. */
  override get variance(): Tensor {
    return this.mean;
  }

  /** log of the probability of values: minus infinity for others than 0 to n - 1. */
  override logProb(value: TensorLike): Tensor {
    const x = typeof value === "number" ? fullLike(this.probs.select(-1, 0), value) : value;
    checkTensor("Categorical.logProb", "the value", x);
    const given = (x as Tensor).to(isFloat((x as Tensor).dtype) ? (x as Tensor).dtype : this.dtype);
    const whole = given.floor().eq(given);
    const inside = whole.logicalAnd(given.ge(0)).logicalAnd(given.lt(this.numEvents));
    const at = where(inside, given, 0).to("int64");
    const shape = [...broadcastShapes("Categorical.logProb", at.shape, this.batchShape)];
    const wide = this.logits.broadcastTo([...shape, this.numEvents]);
    const found = wide.gather(-1, at.broadcastTo(shape).unsqueeze(-1)).squeeze(-1);
    return within(inside, found, given);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return timesLog(this.probs, this.logits).sum(-1).neg();
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], { generator }: SampleOptions): Tensor {
    const sums = this.probs.cumsum(-1), total = sums.narrow(-1, this.numEvents - 1, 1);
    const u = rand(shape, { dtype: this.dtype, device: total.device, generator }).unsqueeze(-1).mul(
      total,
    );
    // The first category whose sum exceeds u, and no later one than the first that reaches the total:
    // those behind have no probability.
    return sums.le(u).logicalAnd(sums.lt(total)).to(this.dtype).sum(-1).to("int64");
  }
}

const WEIGHT = { holds: (v: number) => v >= 0 && v < Infinity, wants: "finite numbers >= 0" };
