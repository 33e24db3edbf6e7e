/**
 * Adam's scaling as one fused operation.
 *
 * @module
 */

import type { GradientTransformation } from "../base.ts";
import { adamStep } from "../primitives/fused_adam.ts";
import { adamScaler } from "./adam_scaler.ts";
import type { ScaleByAdamOptions, ScaleByAdamState } from "./scale_by_adam.ts";

/**
 * {@linkcode scaleByAdam} as one fused operation: the steps of all large tensors run in one kernel
 * where the compiled operations are at hand. Values and derivatives of every order are those of
 * `scaleByAdam` (Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015).
 *
 * @param options as for `scaleByAdam`
 * @returns the transformation; its state is that of `scaleByAdam`
 * @throws {RangeError} a decay outside [0, 1), or a negative number
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const grads = [tensor([0.5, -3])];
 * const run = (t: ReturnType<typeof transform.scaleByAdam>) =>
 *   (t.update(grads, t.init(grads))[0] as typeof grads)[0];
 * assert(run(transform.scaleByAcceleratedAdam()).allclose(run(transform.scaleByAdam())));
 * ```
 */
export function scaleByAcceleratedAdam(
  options: ScaleByAdamOptions = {},
): GradientTransformation<ScaleByAdamState> {
  return adamScaler("scaleByAcceleratedAdam", (g, m, v, c) => adamStep(g, m, v, c), options);
}
