/**
 * AdaMax's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import { abs, add, div, maximum, mul } from "../primitives/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkDecay, checkNonNegative, withDefaults } from "./options.ts";
import { biasCorrection } from "./adam_scaler.ts";
import { scaler } from "./scaler.ts";

/** Options of `scaleByAdamax`. */
export interface ScaleByAdamaxOptions {
  /** Decay of the mean of the gradients, in [0, 1) (default 0.9). */
  readonly b1?: number;
  /** Decay of the largest magnitude, in [0, 1) (default 0.999). */
  readonly b2?: number;
  /** Added to the magnitude of each gradient (default 1e-6). */
  readonly eps?: number;
  /** Whether the moments of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/** State of `scaleByAdamax`. */
export type ScaleByAdamaxState = {
  /** Mean of the gradients. */
  mu: TensorTree;
  /** Decaying largest magnitude of the gradients. */
  nu: TensorTree;
  /** Number of the next step (0-d, int64), from 1. */
  t: Tensor;
};

/**
 * Scales updates as AdaMax does: `m / n / (1 - b1 ** t)` with the mean `m` of the gradients and
 * `n = max(b2 * n, |g| + eps)` (Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015,
 * section 7.1).
 *
 * @param options decays, `eps`, `momentRequiresGrad`
 * @returns the transformation; its state holds `mu`, `nu` and `t`
 * @throws {RangeError} a decay outside [0, 1), or a negative `eps`
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const scaling = transform.scaleByAdamax({ eps: 0 });
 * const grads = [tensor([2, -5], { dtype: "float64" })];
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assert(u.allclose(tensor([1, -1], { dtype: "float64" })));
 * ```
 */
export function scaleByAdamax(
  options: ScaleByAdamaxOptions = {},
): GradientTransformation<ScaleByAdamaxState> {
  const { b1, b2, eps, momentRequiresGrad } = withDefaults<ScaleByAdamaxOptions>("scaleByAdamax", {
    b1: 0.9,
    b2: 0.999,
    eps: 1e-6,
    momentRequiresGrad: false,
  }, options);
  checkDecay("scaleByAdamax", { b1, b2 });
  checkNonNegative("scaleByAdamax", { eps });
  return scaler({
    name: "scaleByAdamax",
    moments: { mu: 0, nu: 0 },
    requiresGrad: momentRequiresGrad,
    counter: { key: "t", start: 1, perLeaf: false },
    coefficients: (number, dtype, t) => ({
      b1: number(b1, dtype),
      omb1: number(1 - b1, dtype),
      b2: number(b2, dtype),
      eps: number(eps, dtype),
      c1: biasCorrection(b1, number, dtype, t),
    }),
    step(g, [mu, nu], c) {
      const mean = add(mul(c.b1, mu), mul(c.omb1, g));
      const largest = maximum(mul(c.b2, nu), add(abs(g), c.eps));
      return [div(div(mean, largest), c.c1), mean, largest];
    },
  });
}
