/**
 * The differentiable RAdam optimizer.
 *
 * @module
 */

import { radam, type RadamOptions } from "../../alias/radam.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaRAdam`: those of `radam`, and `firstOrder`. */
export type MetaRAdamOptions = RadamOptions & MetaOptimizerOptions;

/**
 * RAdam whose steps can be differentiated (Liu et al., On the Variance of the
 * Adaptive Learning Rate and Beyond, 2020). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaRAdam, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaRAdam(net, { lr: 0.1 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaRAdam extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `radam`, with other defaults: `eps` 1e-8, `momentRequiresGrad` true; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaRAdamOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaRAdamOptions>("MetaRAdam", {
      eps: 1e-8,
      momentRequiresGrad: true,
    }, options);
    super(module, radam(rest), { firstOrder });
  }
}
