/**
 * The classic RAdam optimizer.
 *
 * @module
 */

import { radam, type RadamOptions } from "../alias/radam.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `RAdam`: those of `radam` without `momentRequiresGrad`. */
export type RAdamOptimizerOptions = Omit<RadamOptions, "momentRequiresGrad">;

/**
 * RAdam on parameters held by the optimizer, updated in place from their `grad` (Liu et al., On
 * the Variance of the Adaptive Learning Rate and Beyond, 2020).
 *
 * @example
 * ```ts
 * import { RAdam, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new RAdam([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class RAdam extends Optimizer<RAdamOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `radam`, with other defaults: `eps` 1e-8
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<RAdamOptimizerOptions>,
    options: RAdamOptimizerOptions = {},
  ) {
    const make = (own: Partial<RAdamOptimizerOptions>) =>
      radam(overlay<RAdamOptimizerOptions>("RAdam", { eps: 1e-8 }, options, own));
    super(params, make({}), make);
  }
}
