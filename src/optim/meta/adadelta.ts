/**
 * The differentiable AdaDelta optimizer.
 *
 * @module
 */

import { adadelta, type AdadeltaOptions } from "../../alias/adadelta.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaAdaDelta`: those of `adadelta`, and `firstOrder`. */
export type MetaAdaDeltaOptions = AdadeltaOptions & MetaOptimizerOptions;

/**
 * AdaDelta whose steps can be differentiated (Zeiler, ADADELTA: An Adaptive Learning
 * Rate Method, 2012). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaAdaDelta, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaAdaDelta(net);
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaAdaDelta extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `adadelta`, with other defaults: `lr` 1, `momentRequiresGrad` true; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaAdaDeltaOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaAdaDeltaOptions>("MetaAdaDelta", {
      lr: 1,
      momentRequiresGrad: true,
    }, options);
    super(module, adadelta(rest), { firstOrder });
  }
}

/** MetaAdaDelta under its other name. */
export const MetaAdadelta: typeof MetaAdaDelta = MetaAdaDelta;
/** MetaAdaDelta under its other name. */
export type MetaAdadelta = MetaAdaDelta;
