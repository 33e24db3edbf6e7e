/**
 * The classic AdamW optimizer.
 *
 * @module
 */

import { adamw, type AdamWOptions } from "../alias/adamw.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `AdamW`: those of `adamw` without `momentRequiresGrad`. */
export type AdamWOptimizerOptions = Omit<AdamWOptions, "momentRequiresGrad">;

/**
 * AdamW on parameters held by the optimizer, updated in place from their `grad`. A mask is a tree
 * like the list of parameters of a group (Loshchilov & Hutter, Decoupled Weight Decay
 * Regularization, 2019).
 *
 * @example
 * ```ts
 * import { AdamW, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdamW([w], { lr: 0.1, weightDecay: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdamW extends Optimizer<AdamWOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adamw`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdamWOptimizerOptions>,
    options: AdamWOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdamWOptimizerOptions>) =>
      adamw(overlay<AdamWOptimizerOptions>("AdamW", options, own));
    super(params, make({}), make);
  }
}
