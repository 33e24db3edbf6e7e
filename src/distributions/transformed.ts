/**
 * Distributions of functions of random variables.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { describe } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { sumLast } from "./formulas.ts";
import type { Transform } from "./transforms.ts";

/**
 * The distribution of a variable after one transform or several, in their order. It has samples,
 * `logProb`, and, where the base has them, `cdf` and `icdf`; moments have no closed form.
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { AffineTransform, Normal, TransformedDistribution } = distributions;
 * const base = new Normal(0, 1, { dtype: "float64" });
 * const d = new TransformedDistribution(base, [new AffineTransform(3, 2)]);
 * const same = new Normal(3, 2, { dtype: "float64" });
 * assertAlmostEquals(d.logProb(4).item(), same.logProb(4).item());
 * ```
 */
export class TransformedDistribution extends Distribution {
  /** The distribution of the variable before. */
  readonly base: Distribution;
  /** The transforms, the first one first. */
  readonly transforms: readonly Transform[];

  /**
   * The distribution before, and one transform or an array of them.
   *
   * @throws {TypeError} where something else than a distribution or transforms is given
   */
  constructor(base: Distribution, transforms: Transform | readonly Transform[]) {
    if (!(base instanceof Distribution)) {
      throw new TypeError(
        `TransformedDistribution: got ${describe(base)}, wants a distribution and transforms.`,
      );
    }
    super(base.batchShape, base.eventShape, base.dtype);
    this.base = base;
    this.transforms = (Array.isArray(transforms) ? transforms : [transforms]) as Transform[];
    for (const t of this.transforms) {
      if (typeof t?.forward === "function" && typeof t.inverse === "function") continue;
      throw new TypeError(`TransformedDistribution: ${describe(t)} is no transform.`);
    }
  }

  /** Whether `rsample` exists. */
  override get hasRsample(): boolean {
    return this.base.hasRsample;
  }

  /**
   * Has no closed form.
   *
   * @throws {TypeError} always
   */
  override get mean(): Tensor {
    throw new TypeError(`${this.constructor.name}.mean: there is no closed form; use samples.`);
  }

  /**
   * Has no closed form.
   *
   * @throws {TypeError} always
   */
  override get variance(): Tensor {
    throw new TypeError(`${this.constructor.name}.variance: there is no closed form; use samples.`);
  }

  #forward(x: Tensor): Tensor {
    return this.transforms.reduce((at, t) => t.forward(at), x);
  }

  /** The variable before, and whether the function rises. */
  #inverse(y: Tensor): { x: Tensor; sign: Tensor | number } {
    return this.transforms.reduceRight<{ x: Tensor; sign: Tensor | number }>(
      ({ x, sign }, t) => ({
        x: t.inverse(x),
        sign: t.sign instanceof Tensor
          ? t.sign.mul(sign)
          : sign instanceof Tensor
          ? sign.mul(t.sign)
          : sign * t.sign,
      }),
      { x: y, sign: 1 },
    );
  }

  /** log of the density at values; minus infinity at those that no finite number is transformed to. */
  override logProb(value: TensorLike): Tensor {
    let y = this.valueOf("logProb", value), change: Tensor | null = null, off: Tensor | null = null;
    for (const t of [...this.transforms].reverse()) {
      const found = t.inverse(y);
      const none = found.isFinite().logicalOr(y.isNan()).logicalNot(), x = where(none, 0, found);
      const log = t.logAbsDetJacobian(x, y);
      change = change === null ? log : change.add(log);
      off = off === null ? none : off.logicalOr(none);
      y = x;
    }
    const log = this.base.logProb(y);
    if (change === null || off === null) return log;
    const density = log.sub(sumLast(change, this.eventShape.length));
    for (let i = 0; i < this.eventShape.length; i++) off = off.any(-1);
    return density.maskedFill(off.logicalAnd(density.isNan().logicalNot()), -Infinity);
  }

  /** The probability of values up to this one. */
  override cdf(value: TensorLike): Tensor {
    const { x, sign } = this.#inverse(this.valueOf("cdf", value)), p = this.base.cdf(x);
    if (typeof sign === "number") return sign > 0 ? p : p.rsub(1);
    return where(sign.gt(0), p, p.rsub(1));
  }

  /** The value with this probability of smaller ones. */
  override icdf(probability: TensorLike): Tensor {
    const u = this.probabilityOf(probability), { sign } = this.#inverse(u);
    const own = typeof sign === "number"
      ? sign > 0 ? u : u.rsub(1)
      : where(sign.gt(0), u, u.rsub(1));
    return this.#forward(this.base.icdf(own));
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    const inner = this.batchShape.length + this.eventShape.length;
    const front = shape.slice(0, shape.length - inner);
    return this.#forward(
      this.hasRsample ? this.base.rsample(front, source) : this.base.sample(front, source),
    );
  }
}
