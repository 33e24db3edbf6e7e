/**
 * The classic AdaMax optimizer.
 *
 * @module
 */

import { adamax, type AdamaxOptions } from "../alias/adamax.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `AdaMax`: those of `adamax` without `momentRequiresGrad`. */
export type AdaMaxOptimizerOptions = Omit<AdamaxOptions, "momentRequiresGrad">;

/**
 * AdaMax on parameters held by the optimizer, updated in place from their `grad` (Kingma & Ba,
 * Adam: A Method for Stochastic Optimization, 2015, section 7.1).
 *
 * @example
 * ```ts
 * import { AdaMax, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdaMax([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdaMax extends Optimizer<AdaMaxOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adamax`, with other defaults: `lr` 2e-3, `eps` 1e-8
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdaMaxOptimizerOptions>,
    options: AdaMaxOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdaMaxOptimizerOptions>) =>
      adamax(
        overlay<AdaMaxOptimizerOptions>("AdaMax", { lr: 2e-3, eps: 1e-8 }, options, own),
      );
    super(params, make({}), make);
  }
}

/** AdaMax under its other name. */
export const Adamax: typeof AdaMax = AdaMax;
/** AdaMax under its other name. */
export type Adamax = AdaMax;
