/**
 * AdaMax: as a gradient transformation, as a classic optimizer and as a differentiable one.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import type { Module } from "../nn/module.ts";
import {
  checkBetas,
  checkLr,
  checkNonNegative,
  overlay,
  withDefaults,
} from "../transform/options.ts";
import { scaleByAdamax } from "../transform/scale_by_adamax.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `adamax`. */
export interface AdamaxOptions {
  /** Learning rate (default 1e-3). */
  readonly lr?: ScalarOrSchedule;
  /** Decays of the mean and of the largest magnitude, in [0, 1) (default [0.9, 0.999]). */
  readonly betas?: readonly [number, number];
  /** Added to the magnitude of each gradient (default 1e-6). */
  readonly eps?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** Whether the moments of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/**
 * The AdaMax optimizer: Adam with the decaying maximum in place of the mean square (Kingma & Ba,
 * Adam: A Method for Stochastic Optimization, 2015, section 7.1).
 *
 * @param options `lr`, `betas`, `eps`, `weightDecay`, `momentRequiresGrad`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { adamax, applyUpdates, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = adamax({ lr: 0.5 });
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 * applyUpdates(params, updates);
 * assert(params.w.allclose(tensor([2.5, -3.5])));
 * ```
 */
export function adamax(options: AdamaxOptions = {}): GradientTransformation {
  const { lr, betas, eps, weightDecay, momentRequiresGrad } = withDefaults<AdamaxOptions>(
    "adamax",
    { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-6, weightDecay: 0, momentRequiresGrad: false },
    options,
  );
  checkLr("adamax", lr);
  checkBetas("adamax", betas);
  checkNonNegative("adamax", { eps, weightDecay });
  const [b1, b2] = betas;
  return chain(
    flipSignAndAddWeightDecay({ weightDecay }),
    scaleByAdamax({ b1, b2, eps, momentRequiresGrad }),
    scaleByNegLr(lr),
  );
}

/** Options of `AdaMax`: those of `adamax` without `momentRequiresGrad`. */
export type AdaMaxOptimizerOptions = Omit<AdamaxOptions, "momentRequiresGrad">;

/**
 * AdaMax on parameters held by the optimizer, updated in place from their `grad` (Kingma & Ba,
 * Adam: A Method for Stochastic Optimization, 2015, section 7.1).
 *
 * @example
 * ```ts
 * import { AdaMax, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdaMax([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdaMax extends Optimizer<AdaMaxOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adamax`, with other defaults: `lr` 2e-3, `eps` 1e-8
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdaMaxOptimizerOptions>,
    options: AdaMaxOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdaMaxOptimizerOptions>) =>
      adamax(
        overlay<AdaMaxOptimizerOptions>("AdaMax", { lr: 2e-3, eps: 1e-8 }, options, own),
      );
    super(params, make({}), make);
  }
}

/**
 * AdaMax under its other name.
 *
 * @example
 * ```ts
 * import { AdaMax, Adamax } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Adamax, AdaMax);
 * ```
 */
export const Adamax: typeof AdaMax = AdaMax;
/** AdaMax under its other name. */
export type Adamax = AdaMax;

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

/**
 * MetaAdaMax under its other name.
 *
 * @example
 * ```ts
 * import { MetaAdaMax, MetaAdamax } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(MetaAdamax, MetaAdaMax);
 * ```
 */
export const MetaAdamax: typeof MetaAdaMax = MetaAdaMax;
/** MetaAdaMax under its other name. */
export type MetaAdamax = MetaAdaMax;
