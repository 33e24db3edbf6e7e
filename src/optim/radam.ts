/**
 * RAdam: as a gradient transformation, as a classic optimizer and as a differentiable one.
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
import { scaleByRadam } from "../transform/scale_by_radam.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `radam`. */
export interface RadamOptions {
  /** Learning rate (default 1e-3). */
  readonly lr?: ScalarOrSchedule;
  /** Decays of the means of gradients and of their squares, in [0, 1) (default [0.9, 0.999]). */
  readonly betas?: readonly [number, number];
  /** Added to the root (default 1e-6). */
  readonly eps?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** Whether the means of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/**
 * The RAdam optimizer: Adam whose first steps do without the second moment, until its estimate is
 * reliable (Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020).
 *
 * @param options `lr`, `betas`, `eps`, `weightDecay`, `momentRequiresGrad`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { applyUpdates, radam, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = radam({ lr: 0.25 });
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 * applyUpdates(params, updates);
 * assert(params.w.allclose(tensor([1.5, -2])));
 * ```
 */
export function radam(options: RadamOptions = {}): GradientTransformation {
  const { lr, betas, eps, weightDecay, momentRequiresGrad } = withDefaults<RadamOptions>("radam", {
    lr: 1e-3,
    betas: [0.9, 0.999],
    eps: 1e-6,
    weightDecay: 0,
    momentRequiresGrad: false,
  }, options);
  checkLr("radam", lr);
  checkBetas("radam", betas);
  checkNonNegative("radam", { eps, weightDecay });
  const [b1, b2] = betas;
  return chain(
    flipSignAndAddWeightDecay({ weightDecay }),
    scaleByRadam({ b1, b2, eps, momentRequiresGrad }),
    scaleByNegLr(lr),
  );
}

/** Options of `RAdam`: those of `radam` without `momentRequiresGrad`. */
export type RAdamOptimizerOptions = Omit<RadamOptions, "momentRequiresGrad">;

/**
 * RAdam on parameters held by the optimizer, updated in place from their `grad` (Liu et al., On
 * the Variance of the Adaptive Learning Rate and Beyond, 2020).
 *
 * @example
 * ```ts
 * import { RAdam, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new RAdam([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class RAdam extends Optimizer<RAdamOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `radam`, with other defaults: `eps` 1e-8
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<RAdamOptimizerOptions>,
    options: RAdamOptimizerOptions = {},
  ) {
    const make = (own: Partial<RAdamOptimizerOptions>) =>
      radam(overlay<RAdamOptimizerOptions>("RAdam", { eps: 1e-8 }, options, own));
    super(params, make({}), make);
  }
}

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
