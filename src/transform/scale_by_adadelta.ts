/**
 * AdaDelta's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import { add, div, mul } from "../primitives/elementwise.ts";
import { safeSqrt } from "../primitives/safe_sqrt.ts";
import { checkDecay, checkNonNegative, withDefaults } from "./options.ts";
import { scaler } from "./scaler.ts";

/** Options of `scaleByAdadelta`. */
export interface ScaleByAdadeltaOptions {
  /** Decay of both means, in [0, 1) (default 0.9). */
  readonly rho?: number;
  /** Added to both means (default 1e-6). */
  readonly eps?: number;
  /** Whether the moments of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/** State of `scaleByAdadelta`. */
export type ScaleByAdadeltaState = {
  /** Mean of the squares of the gradients. */
  mu: TensorTree;
  /** Mean of the squares of the updates. */
  nu: TensorTree;
};

/**
 * Scales updates as AdaDelta does: `g * sqrt((nu + eps) / (mu + eps))` with the running means `mu` of
 * the squares of the gradients and `nu` of the squares of former updates (Zeiler, ADADELTA: An
 * Adaptive Learning Rate Method, 2012).
 *
 * @param options `rho`, `eps`, `momentRequiresGrad`
 * @returns the transformation; its state holds `mu` and `nu`
 * @throws {RangeError} `rho` outside [0, 1), or a negative `eps`
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const scaling = transform.scaleByAdadelta({ rho: 0.5, eps: 1 });
 * const grads = [tensor([4])];
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assertEquals(Math.round(u.item() * 1e4) / 1e4, 1.3333); // 4 * sqrt(1 / (8 + 1))
 * ```
 */
export function scaleByAdadelta(
  options: ScaleByAdadeltaOptions = {},
): GradientTransformation<ScaleByAdadeltaState> {
  const { rho, eps, momentRequiresGrad } = withDefaults<ScaleByAdadeltaOptions>("scaleByAdadelta", {
    rho: 0.9,
    eps: 1e-6,
    momentRequiresGrad: false,
  }, options);
  checkDecay("scaleByAdadelta", { rho });
  checkNonNegative("scaleByAdadelta", { eps });
  return scaler({
    name: "scaleByAdadelta",
    moments: { mu: 0, nu: 0 },
    requiresGrad: momentRequiresGrad,
    coefficients: (number, dtype) => ({
      rho: number(rho, dtype),
      rest: number(1 - rho, dtype),
      eps: number(eps, dtype),
    }),
    step(g, [mu, nu], c) {
      const gradients = add(mul(c.rho, mu), mul(c.rest, mul(g, g)));
      const update = mul(g, safeSqrt(div(add(nu, c.eps), add(gradients, c.eps))));
      const updates = add(mul(c.rho, nu), mul(c.rest, mul(update, update)));
      return [update, gradients, updates];
    },
  });
}
