/**
 * The classic AdaDelta optimizer.
 *
 * @module
 */

import { adadelta, type AdadeltaOptions } from "../alias/adadelta.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `AdaDelta`: those of `adadelta` without `momentRequiresGrad`. */
export type AdaDeltaOptimizerOptions = Omit<AdadeltaOptions, "momentRequiresGrad">;

/**
 * AdaDelta on parameters held by the optimizer, updated in place from their `grad` (Zeiler,
 * ADADELTA: An Adaptive Learning Rate Method, 2012).
 *
 * @example
 * ```ts
 * import { AdaDelta, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdaDelta([w], { lr: 1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdaDelta extends Optimizer<AdaDeltaOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adadelta`, with other defaults: `lr` 1
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdaDeltaOptimizerOptions>,
    options: AdaDeltaOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdaDeltaOptimizerOptions>) =>
      adadelta(overlay<AdaDeltaOptimizerOptions>("AdaDelta", { lr: 1 }, options, own));
    super(params, make({}), make);
  }
}

/** AdaDelta under its other name. */
export const Adadelta: typeof AdaDelta = AdaDelta;
/** AdaDelta under its other name. */
export type Adadelta = AdaDelta;
