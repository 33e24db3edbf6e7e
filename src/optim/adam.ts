/**
 * The classic Adam optimizer.
 *
 * @module
 */

import { adam, type AdamOptions } from "../alias/adam.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `Adam`: those of `adam` without `momentRequiresGrad`. */
export type AdamOptimizerOptions = Omit<AdamOptions, "momentRequiresGrad">;

/**
 * Adam on parameters held by the optimizer, updated in place from their `grad` (Kingma & Ba, Adam:
 * A Method for Stochastic Optimization, 2015).
 *
 * @example
 * ```ts
 * import { Adam, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new Adam([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class Adam extends Optimizer<AdamOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adam`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdamOptimizerOptions>,
    options: AdamOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdamOptimizerOptions>) =>
      adam(overlay<AdamOptimizerOptions>("Adam", options, own));
    super(params, make({}), make);
  }
}
