/**
 * AdaGrad's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import { add, div, lt, mul, where } from "../primitives/elementwise.ts";
import { safeSqrt } from "../primitives/safe_sqrt.ts";
import { checkNonNegative, withDefaults } from "./options.ts";
import { scaler } from "./scaler.ts";

/** Options of `scaleByRss`. */
export interface ScaleByRssOptions {
  /** First value of the sums (default 0). */
  readonly initialAccumulatorValue?: number;
  /** Added to the root (default 1e-10). */
  readonly eps?: number;
}

/** State of `scaleByRss`. */
export type ScaleByRssState = {
  /** Sum of the squares of all gradients. */
  sumOfSquares: TensorTree;
};

/**
 * Scales updates by the root of the sum of all squared gradients, as AdaGrad does:
 * `g / (sqrt(sum) + eps)`, and 0 where the sum is 0 (Duchi et al., Adaptive Subgradient Methods for
 * Online Learning and Stochastic Optimization, 2011).
 *
 * @param options `initialAccumulatorValue`, `eps`
 * @returns the transformation; its state holds `sumOfSquares`
 * @throws {RangeError} a negative number
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const scaling = transform.scaleByRss({ eps: 0 });
 * const grads = [tensor([4, 0])];
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assertEquals(u.toArray(), [1, 0]);
 * ```
 */
export function scaleByRss(
  options: ScaleByRssOptions = {},
): GradientTransformation<ScaleByRssState> {
  const { initialAccumulatorValue, eps } = withDefaults<ScaleByRssOptions>("scaleByRss", {
    initialAccumulatorValue: 0,
    eps: 1e-10,
  }, options);
  checkNonNegative("scaleByRss", { initialAccumulatorValue, eps });
  return scaler({
    name: "scaleByRss",
    moments: { sumOfSquares: initialAccumulatorValue },
    coefficients: (number, dtype) => ({
      eps: number(eps, dtype),
      zero: number(0, dtype),
      one: number(1, dtype),
    }),
    step(g, [before], c) {
      const sum = add(before, mul(g, g)), seen = lt(c.zero, sum);
      const divisor = add(safeSqrt(sum), c.eps);
      // A division by 0 would make the derivative NaN even where its result is not used.
      const safe = eps === 0 ? where(seen, divisor, c.one) : divisor;
      return [where(seen, div(g, safe), c.zero), sum];
    },
  });
}
