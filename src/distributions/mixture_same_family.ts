/**
 * Mixtures of distributions of one family.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import { broadcastShapes, sameShape, showShape } from "../graph/shape.ts";
import type { TensorLike } from "../tensor/core.ts";
import { describe } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Categorical } from "./categorical.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";

/**
 * A mixture: `mixture` chooses one of the components, which are the last batch dimension of
 * `components`.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const d = new distributions.MixtureSameFamily(
 *   new distributions.Categorical(tensor([0.25, 0.75])),
 *   new distributions.Normal(tensor([-4, 4]), 1),
 * );
 * assertEquals(d.mean.item(), 2);
 * assertAlmostEquals(d.cdf(0).item(), 0.25, 1e-4);
 * ```
 */
export class MixtureSameFamily extends Distribution {
  /** The distribution of the component's number. */
  readonly mixture: Categorical;
  /** The components, along the last batch dimension. */
  readonly components: Distribution;

  /**
   * The distribution of the component's number, and the components.
   *
   * @throws {ShapeError} where the components do not fit the categories
   */
  constructor(mixture: Categorical, components: Distribution) {
    if (!(mixture instanceof Categorical) || !(components instanceof Distribution)) {
      throw new TypeError(
        `MixtureSameFamily: got ${describe(mixture)} and ${describe(components)}, wants a ` +
          `Categorical and a distribution.`,
      );
    }
    const { batchShape, eventShape, dtype } = components, n = mixture.numEvents;
    const batch = batchShape.slice(0, -1);
    if (batchShape[batchShape.length - 1] !== n) {
      throw new ShapeError(
        `MixtureSameFamily: the components have batch shape ${
          showShape(batchShape)
        }, wants a last ` +
          `dimension of ${n}, the number of categories.`,
      );
    }
    if (!sameShape(broadcastShapes("MixtureSameFamily", batch, mixture.batchShape), batch)) {
      throw new ShapeError(
        `MixtureSameFamily: the categories have batch shape ${
          showShape(mixture.batchShape)
        }, that ` +
          `of the components ${showShape(batch)} has to hold it.`,
      );
    }
    super(batch, eventShape, dtype);
    this.mixture = mixture;
    this.components = components;
  }

  /** Whether `rsample` exists. */
  override get hasRsample(): boolean {
    return false;
  }

  /** Number of the dimension of components, from the end of a batch with events. */
  get #dim(): number {
    return -1 - this.eventShape.length;
  }

  /** Probabilities beside values with events. */
  get #weights(): Tensor {
    const { probs } = this.mixture;
    return probs.reshape([...probs.shape, ...this.eventShape.map(() => 1)]);
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.#weights.mul(this.components.mean).sum(this.#dim);
  }

  /** The variance. */
  override get variance(): Tensor {
    const { components } = this, weights = this.#weights, dim = this.#dim;
    const apart = components.mean.sub(this.mean.unsqueeze(dim)).square();
    return weights.mul(components.variance.add(apart)).sum(dim);
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value);
    const at = x.ndim === this.eventShape.length ? x : x.unsqueeze(this.#dim);
    return this.components.logProb(at).add(this.mixture.logits).logsumexp(-1);
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const x = this.valueOf("cdf", value), at = x.ndim === 0 ? x : x.unsqueeze(-1);
    return this.components.cdf(at).mul(this.mixture.probs).sum(-1);
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    const inner = this.batchShape.length + this.eventShape.length;
    const front = shape.slice(0, shape.length - inner), own = this.eventShape.map(() => 1);
    // The categories may have fewer batch dimensions than the components.
    const missing = this.batchShape.slice(
      0,
      this.batchShape.length - this.mixture.batchShape.length,
    );
    const chosen = this.mixture.sample([...front, ...missing], source);
    const at = chosen.broadcastTo([...front, ...this.batchShape])
      .reshape([...front, ...this.batchShape, 1, ...own])
      .broadcastTo([...front, ...this.batchShape, 1, ...this.eventShape]);
    return this.components.sample(front, source).gather(this.#dim, at).squeeze(this.#dim);
  }
}
