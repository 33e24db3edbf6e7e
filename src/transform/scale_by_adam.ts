/**
 * Adam's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import { adamScaler, plainStep } from "./adam_scaler.ts";

/** Options of `scaleByAdam`. */
export interface ScaleByAdamOptions {
  /** Decay of the mean of the gradients, in [0, 1) (default 0.9). */
  readonly b1?: number;
  /** Decay of the mean of their squares, in [0, 1) (default 0.999). */
  readonly b2?: number;
  /** Added to the root (default 1e-8). */
  readonly eps?: number;
  /** Added under the root (default 0); wanted where one differentiates through the optimizer. */
  readonly epsRoot?: number;
  /** Whether the moments of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/** State of `scaleByAdam`. */
export type ScaleByAdamState = {
  /** Mean of the gradients. */
  mu: TensorTree;
  /** Mean of their squares. */
  nu: TensorTree;
  /** Steps of each leaf (int64), from 0. */
  count: TensorTree;
};

/**
 * Scales updates as Adam does: `m / (sqrt(v + epsRoot) + eps)` with bias-corrected means `m` of the
 * gradients and `v` of their squares (Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015).
 *
 * @param options decays, `eps`, `epsRoot`, `momentRequiresGrad`
 * @returns the transformation; its state holds `mu`, `nu` and `count`
 * @throws {RangeError} a decay outside [0, 1), or a negative number
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const scaling = transform.scaleByAdam({ eps: 0 });
 * const grads = [tensor([2, -5], { dtype: "float64" })];
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assert(u.allclose(tensor([1, -1], { dtype: "float64" })));
 * ```
 */
export function scaleByAdam(
  options: ScaleByAdamOptions = {},
): GradientTransformation<ScaleByAdamState> {
  return adamScaler("scaleByAdam", plainStep, options);
}
