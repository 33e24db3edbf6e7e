/**
 * RMSProp's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import { add, div, mul } from "../primitives/elementwise.ts";
import { safeSqrt } from "../primitives/safe_sqrt.ts";
import { checkNonNegative, withDefaults } from "./options.ts";
import { scaler } from "./scaler.ts";

/** Options of `scaleByRms` and `scaleByStddev`. */
export interface ScaleByRmsOptions {
  /** Decay of the means, at least 0 (default 0.9). */
  readonly alpha?: number;
  /** Added to the root (default 1e-8). */
  readonly eps?: number;
  /** First value of the mean of the squares (default 0). */
  readonly initialScale?: number;
}

/** State of `scaleByRms`. */
export type ScaleByRmsState = {
  /** Mean of the squares of the gradients. */
  nu: TensorTree;
};

/**
 * Scales updates by the root of the mean square of the gradients, as RMSProp does:
 * `g / (sqrt(n) + eps)` (Tieleman & Hinton, Lecture 6.5: rmsprop, Neural Networks for Machine
 * Learning, 2012).
 *
 * @param options `alpha`, `eps`, `initialScale`
 * @returns the transformation; its state holds `nu`
 * @throws {RangeError} a negative number
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const scaling = transform.scaleByRms({ alpha: 0.75, eps: 0 });
 * const grads = [tensor([4, -1])];
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assertEquals(u.toArray(), [2, -2]); // g / sqrt(g * g / 4)
 * ```
 */
export function scaleByRms(
  options: ScaleByRmsOptions = {},
): GradientTransformation<ScaleByRmsState> {
  const { alpha, eps, initialScale } = withDefaults<ScaleByRmsOptions>("scaleByRms", {
    alpha: 0.9,
    eps: 1e-8,
    initialScale: 0,
  }, options);
  checkNonNegative("scaleByRms", { alpha, eps, initialScale });
  return scaler({
    name: "scaleByRms",
    moments: { nu: initialScale },
    coefficients: (number, dtype) => ({
      alpha: number(alpha, dtype),
      rest: number(1 - alpha, dtype),
      eps: number(eps, dtype),
    }),
    step(g, [nu], c) {
      const square = add(mul(c.alpha, nu), mul(c.rest, mul(g, g)));
      return [div(g, add(safeSqrt(square), c.eps)), square];
    },
  });
}
