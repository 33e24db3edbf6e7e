/**
 * The differentiable AdamW optimizer.
 *
 * @module
 */

import { adamw, type AdamWOptions } from "../../alias/adamw.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaAdamW`: those of `adamw`, and `firstOrder`. */
export type MetaAdamWOptions = AdamWOptions & MetaOptimizerOptions;

/**
 * AdamW whose steps can be differentiated (Loshchilov & Hutter, Decoupled Weight
 * Decay Regularization, 2019). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaAdamW, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaAdamW(net, { lr: 0.1, epsRoot: 1e-8 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaAdamW extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `adamw`; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaAdamWOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaAdamWOptions>("MetaAdamW", options);
    super(module, adamw(rest), { firstOrder });
  }
}
