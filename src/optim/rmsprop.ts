/**
 * The classic RMSProp optimizer.
 *
 * @module
 */

import { rmsprop, type RmspropOptions } from "../alias/rmsprop.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `RMSProp`: those of `rmsprop`. */
export type RMSPropOptimizerOptions = RmspropOptions;

/**
 * RMSProp on parameters held by the optimizer, updated in place from their `grad` (Tieleman &
 * Hinton, Lecture 6.5: rmsprop, 2012).
 *
 * @example
 * ```ts
 * import { RMSProp, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new RMSProp([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class RMSProp extends Optimizer<RMSPropOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `rmsprop`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<RMSPropOptimizerOptions>,
    options: RMSPropOptimizerOptions = {},
  ) {
    const make = (own: Partial<RMSPropOptimizerOptions>) =>
      rmsprop(overlay<RMSPropOptimizerOptions>("RMSProp", options, own));
    super(params, make({}), make);
  }
}

/** RMSProp under its other name. */
export const RMSprop: typeof RMSProp = RMSProp;
/** RMSProp under its other name. */
export type RMSprop = RMSProp;
