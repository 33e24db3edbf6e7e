/**
 * AdaGrad: as a gradient transformation, as a classic optimizer and as a differentiable one.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import type { Module } from "../nn/module.ts";
import { checkLr, checkNonNegative, overlay, withDefaults } from "../transform/options.ts";
import { scaleByRss } from "../transform/scale_by_rss.ts";
import { scaleBySchedule } from "../transform/scale_by_schedule.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `adagrad`. */
export interface AdagradOptions {
  /** Learning rate (default 1e-2). */
  readonly lr?: ScalarOrSchedule;
  /** Decay of the learning rate: step t (from 0) uses `lr / (1 + lrDecay * t)` (default 0). */
  readonly lrDecay?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** First value of the sums of squares (default 0). */
  readonly initialAccumulatorValue?: number;
  /** Added to the root (default 1e-10). */
  readonly eps?: number;
  /** Whether the objective is maximized (default false). */
  readonly maximize?: boolean;
}

/**
 * The AdaGrad optimizer: steps are divided by the root of the sum of all squared gradients, so that
 * they become small in the long run (Duchi et al., Adaptive Subgradient Methods for Online Learning
 * and Stochastic Optimization, 2011).
 *
 * @param options `lr`, `lrDecay`, `weightDecay`, `initialAccumulatorValue`, `eps`, `maximize`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { adagrad, applyUpdates, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = adagrad({ lr: 1, eps: 0 });
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 * applyUpdates(params, updates);
 * assertEquals(params.w.toArray(), [2, -3]);
 * ```
 */
export function adagrad(options: AdagradOptions = {}): GradientTransformation {
  const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize } = withDefaults<
    AdagradOptions
  >("adagrad", {
    lr: 1e-2,
    lrDecay: 0,
    weightDecay: 0,
    initialAccumulatorValue: 0,
    eps: 1e-10,
    maximize: false,
  }, options);
  checkLr("adagrad", lr);
  checkNonNegative("adagrad", { lrDecay, weightDecay, initialAccumulatorValue, eps });
  return chain(
    flipSignAndAddWeightDecay({ weightDecay, maximize }),
    scaleByRss({ initialAccumulatorValue, eps }),
    scaleBySchedule((count) => count.mul(lrDecay).add(1).reciprocal()),
    scaleByNegLr(lr),
  );
}

/** Options of `AdaGrad`: those of `adagrad`. */
export type AdaGradOptimizerOptions = AdagradOptions;

/**
 * AdaGrad on parameters held by the optimizer, updated in place from their `grad` (Duchi et al.,
 * Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011).
 *
 * @example
 * ```ts
 * import { AdaGrad, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdaGrad([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdaGrad extends Optimizer<AdaGradOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adagrad`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdaGradOptimizerOptions>,
    options: AdaGradOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdaGradOptimizerOptions>) =>
      adagrad(overlay<AdaGradOptimizerOptions>("AdaGrad", options, own));
    super(params, make({}), make);
  }
}

/**
 * AdaGrad under its other name.
 *
 * @example
 * ```ts
 * import { AdaGrad, Adagrad } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Adagrad, AdaGrad);
 * ```
 */
export const Adagrad: typeof AdaGrad = AdaGrad;
/** AdaGrad under its other name. */
export type Adagrad = AdaGrad;

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

/**
 * MetaAdaGrad under its other name.
 *
 * @example
 * ```ts
 * import { MetaAdaGrad, MetaAdagrad } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(MetaAdagrad, MetaAdaGrad);
 * ```
 */
export const MetaAdagrad: typeof MetaAdaGrad = MetaAdaGrad;
/** MetaAdaGrad under its other name. */
export type MetaAdagrad = MetaAdaGrad;
