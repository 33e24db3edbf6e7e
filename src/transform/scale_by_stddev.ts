/**
 * Centered RMSProp's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import { add, div, maximum, mul, sub } from "../primitives/elementwise.ts";
import { safeSqrt } from "../primitives/safe_sqrt.ts";
import { checkNonNegative, withDefaults } from "./options.ts";
import type { ScaleByRmsOptions } from "./scale_by_rms.ts";
import { scaler } from "./scaler.ts";

/** State of `scaleByStddev`. */
export type ScaleByStddevState = {
  /** Mean of the gradients. */
  mu: TensorTree;
  /** Mean of their squares. */
  nu: TensorTree;
};

/**
 * Scales updates by the standard deviation of the gradients, as the centered RMSProp does:
 * `g / (sqrt(max(n - m ** 2, 0)) + eps)` (Graves, Generating Sequences With Recurrent Neural Networks, 2013).
 *
 * @param options `alpha`, `eps`, `initialScale`
 * @returns the transformation; its state holds `mu` and `nu`
 * @throws {RangeError} a negative number
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const scaling = transform.scaleByStddev({ alpha: 0.5, eps: 0 });
 * const grads = [tensor([4, -1])];
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assertEquals(u.toArray(), [2, -2]); // g / sqrt(g * g / 2 - g * g / 4)
 * ```
 */
export function scaleByStddev(
  options: ScaleByRmsOptions = {},
): GradientTransformation<ScaleByStddevState> {
  const { alpha, eps, initialScale } = withDefaults<ScaleByRmsOptions>("scaleByStddev", {
    alpha: 0.9,
    eps: 1e-8,
    initialScale: 0,
  }, options);
  checkNonNegative("scaleByStddev", { alpha, eps, initialScale });
  return scaler({
    name: "scaleByStddev",
    moments: { mu: 0, nu: initialScale },
    coefficients: (number, dtype) => ({
      alpha: number(alpha, dtype),
      rest: number(1 - alpha, dtype),
      eps: number(eps, dtype),
      zero: number(0, dtype),
    }),
    step(g, [mu, nu], c) {
      const mean = add(mul(c.alpha, mu), mul(c.rest, g));
      const square = add(mul(c.alpha, nu), mul(c.rest, mul(g, g)));
      // Where gradients hardly differ, rounding may take the variance below 0.
      const variance = maximum(sub(square, mul(mean, mean)), c.zero);
      return [div(g, add(safeSqrt(variance), c.eps)), mean, square];
    },
  });
}
