/**
 * The differentiable AdaGrad optimizer.
 *
 * @module
 */

import { adagrad, type AdagradOptions } from "../../alias/adagrad.ts";
import type { Module } from "../../nn/module.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { overlay } from "../../transform/options.ts";

/** Options of `MetaAdaGrad`: those of `adagrad`, and `firstOrder`. */
export type MetaAdaGradOptions = AdagradOptions & MetaOptimizerOptions;

/**
 * AdaGrad whose steps can be differentiated (Duchi et al., Adaptive Subgradient
 * Methods for Online Learning and Stochastic Optimization, 2011). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaAdaGrad, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaAdaGrad(net, { lr: 0.1 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaAdaGrad extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `adagrad`; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaAdaGradOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaAdaGradOptions>("MetaAdaGrad", options);
    super(module, adagrad(rest), { firstOrder });
  }
}

/** MetaAdaGrad under its other name. */
export const MetaAdagrad: typeof MetaAdaGrad = MetaAdaGrad;
/** MetaAdaGrad under its other name. */
export type MetaAdagrad = MetaAdaGrad;
