/**
 * Adam: as a gradient transformation, as a classic optimizer and as a differentiable one.
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
import { scaleByAcceleratedAdam } from "../transform/scale_by_accelerated_adam.ts";
import { scaleByAdam } from "../transform/scale_by_adam.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `adam`. */
export interface AdamOptions {
  /** Learning rate (default 1e-3). */
  readonly lr?: ScalarOrSchedule;
  /** Decays of the means of gradients and of their squares, in [0, 1) (default [0.9, 0.999]). */
  readonly betas?: readonly [number, number];
  /** Added to the root (default 1e-8). */
  readonly eps?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** Added under the root (default 0); wanted where one differentiates through the optimizer. */
  readonly epsRoot?: number;
  /** Whether the means of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
  /** Whether the objective is maximized (default false). */
  readonly maximize?: boolean;
  /** Whether to use the fused operation (default false). */
  readonly useAcceleratedOp?: boolean;
}

/**
 * The Adam optimizer: steps adapt to bias-corrected means of the gradients and of their squares
 * (Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015).
 *
 * @param options `lr`, `betas`, `eps`, `weightDecay`, `epsRoot`, `momentRequiresGrad`, `maximize`,
 * `useAcceleratedOp`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { adam, applyUpdates, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = adam({ lr: 0.5 });
 * const state = optimizer.init(params);
 * for (let i = 0; i < 3; i++) {
 *   const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 *   applyUpdates(params, updates);
 * }
 * assert(params.w.square().sum().item() < 15);
 * ```
 */
export function adam(options: AdamOptions = {}): GradientTransformation {
  const { lr, betas, eps, weightDecay, epsRoot, momentRequiresGrad, maximize, useAcceleratedOp } =
    withDefaults<AdamOptions>("adam", {
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      epsRoot: 0,
      momentRequiresGrad: false,
      maximize: false,
      useAcceleratedOp: false,
    }, options);
  checkLr("adam", lr);
  checkBetas("adam", betas);
  checkNonNegative("adam", { eps, weightDecay, epsRoot });
  const [b1, b2] = betas;
  const scaling = useAcceleratedOp ? scaleByAcceleratedAdam : scaleByAdam;
  return chain(
    flipSignAndAddWeightDecay({ weightDecay, maximize }),
    scaling({ b1, b2, eps, epsRoot, momentRequiresGrad }),
    scaleByNegLr(lr),
  );
}

/** Options of `Adam`: those of `adam` without `momentRequiresGrad`. */
export type AdamOptimizerOptions = Omit<AdamOptions, "momentRequiresGrad">;

/**
 * Adam on parameters held by the optimizer, updated in place from their `grad` (Kingma & Ba, Adam:
 * A Method for Stochastic Optimization, 2015).
 *
 * @example
 * ```ts
 * import { Adam, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new Adam([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class Adam extends Optimizer<AdamOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adam`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdamOptimizerOptions>,
    options: AdamOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdamOptimizerOptions>) =>
      adam(overlay<AdamOptimizerOptions>("Adam", options, own));
    super(params, make({}), make);
  }
}

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
