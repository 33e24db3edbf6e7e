/**
 * The differentiable SGD optimizer.
 *
 * @module
 */

import { sgd, type SgdOptions } from "../../alias/sgd.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaSGD`: those of `sgd`, and `firstOrder`. */
export type MetaSGDOptions = SgdOptions & MetaOptimizerOptions;

/**
 * Stochastic gradient descent whose steps can be differentiated (Sutskever et al., On the importance of
 * initialization and momentum in deep learning, 2013). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaSGD, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaSGD(net, { lr: 0.1, momentum: 0.9 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaSGD extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `sgd`, with other defaults: `momentRequiresGrad` true; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaSGDOptions) {
    const { firstOrder, ...rest } = overlay<MetaSGDOptions>("MetaSGD", {
      momentRequiresGrad: true,
    }, options);
    super(module, sgd(rest), { firstOrder });
  }
}
