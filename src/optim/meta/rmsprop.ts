/**
 * The differentiable RMSProp optimizer.
 *
 * @module
 */

import { rmsprop, type RmspropOptions } from "../../alias/rmsprop.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaRMSProp`: those of `rmsprop`, and `firstOrder`. */
export type MetaRMSPropOptions = RmspropOptions & MetaOptimizerOptions;

/**
 * RMSProp whose steps can be differentiated (Tieleman & Hinton, Lecture 6.5: rmsprop,
 * 2012). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaRMSProp, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaRMSProp(net, { lr: 0.1 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaRMSProp extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `rmsprop`; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaRMSPropOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaRMSPropOptions>("MetaRMSProp", options);
    super(module, rmsprop(rest), { firstOrder });
  }
}

/** MetaRMSProp under its other name. */
export const MetaRMSprop: typeof MetaRMSProp = MetaRMSProp;
/** MetaRMSProp under its other name. */
export type MetaRMSprop = MetaRMSProp;
