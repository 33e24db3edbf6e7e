/**
 * The differentiable Adam optimizer.
 *
 * @module
 */

import { adam, type AdamOptions } from "../../alias/adam.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaAdam`: those of `adam`, and `firstOrder`. */
export type MetaAdamOptions = AdamOptions & MetaOptimizerOptions;

/**
 * Adam whose steps can be differentiated (Kingma & Ba, Adam: A Method for
 * Stochastic Optimization, 2015). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaAdam, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaAdam(net, { lr: 0.1, epsRoot: 1e-8 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaAdam extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `adam`, with other defaults: `momentRequiresGrad` true; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaAdamOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaAdamOptions>("MetaAdam", {
      momentRequiresGrad: true,
    }, options);
    super(module, adam(rest), { firstOrder });
  }
}
