/**
 * The differentiable AdaMax optimizer.
 *
 * @module
 */

import { adamax, type AdamaxOptions } from "../../alias/adamax.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaAdaMax`: those of `adamax`, and `firstOrder`. */
export type MetaAdaMaxOptions = AdamaxOptions & MetaOptimizerOptions;

/**
 * AdaMax whose steps can be differentiated (Kingma & Ba, Adam: A Method for
 * Stochastic Optimization, 2015, section 7.1). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaAdaMax, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaAdaMax(net, { lr: 0.1 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaAdaMax extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `adamax`, with other defaults: `lr` 2e-3, `eps` 1e-8, `momentRequiresGrad` true; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaAdaMaxOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaAdaMaxOptions>("MetaAdaMax", {
      lr: 2e-3,
      eps: 1e-8,
      momentRequiresGrad: true,
    }, options);
    super(module, adamax(rest), { firstOrder });
  }
}

/** MetaAdaMax under its other name. */
export const MetaAdamax: typeof MetaAdaMax = MetaAdaMax;
/** MetaAdaMax under its other name. */
export type MetaAdamax = MetaAdaMax;
