/**
 * RMSProp: as a gradient transformation, as a classic optimizer and as a differentiable one.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import type { Module } from "../nn/module.ts";
import {
  checkLr,
  checkNesterov,
  checkNonNegative,
  overlay,
  withDefaults,
} from "../transform/options.ts";
import { scaleByRms } from "../transform/scale_by_rms.ts";
import { scaleByStddev } from "../transform/scale_by_stddev.ts";
import { trace } from "../transform/trace.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `rmsprop`. */
export interface RmspropOptions {
  /** Learning rate (default 1e-2). */
  readonly lr?: ScalarOrSchedule;
  /** Decay of the mean of the squares, at least 0 (default 0.99). */
  readonly alpha?: number;
  /** Added to the root (default 1e-8). */
  readonly eps?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** Momentum of the scaled updates (default 0: none). */
  readonly momentum?: number;
  /** Whether to divide by the standard deviation in place of the root mean square (default false). */
  readonly centered?: boolean;
  /** First value of the mean of the squares (default 0). */
  readonly initialScale?: number;
  /** Whether the momentum looks ahead (default false). */
  readonly nesterov?: boolean;
  /** Whether the objective is maximized (default false). */
  readonly maximize?: boolean;
}

/**
 * The RMSProp optimizer: steps are divided by the root mean square of recent gradients (Tieleman &
 * Hinton, Lecture 6.5: rmsprop, 2012; centered: Graves, Generating Sequences With Recurrent Neural
 * Networks, 2013).
 *
 * @param options `lr`, `alpha`, `eps`, `weightDecay`, `momentum`, `centered`, `initialScale`,
 * `nesterov`, `maximize`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range, or nesterov without momentum
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { applyUpdates, rmsprop, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = rmsprop({ lr: 0.5, alpha: 0.75 });
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 * applyUpdates(params, updates);
 * assert(params.w.allclose(tensor([2, -3])));
 * ```
 */
export function rmsprop(options: RmspropOptions = {}): GradientTransformation {
  const { lr, alpha, eps, weightDecay, momentum, centered, initialScale, nesterov, maximize } =
    withDefaults<RmspropOptions>("rmsprop", {
      lr: 1e-2,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
      initialScale: 0,
      nesterov: false,
      maximize: false,
    }, options);
  checkLr("rmsprop", lr);
  checkNonNegative("rmsprop", { alpha, eps, weightDecay, momentum, initialScale });
  checkNesterov("rmsprop", { nesterov, momentum, dampening: 0 });
  const scaling = centered ? scaleByStddev : scaleByRms;
  return chain(
    flipSignAndAddWeightDecay({ weightDecay, maximize }),
    scaling({ alpha, eps, initialScale }),
    trace({ momentum, nesterov }),
    scaleByNegLr(lr),
  );
}

/** Options of `RMSProp`: those of `rmsprop`. */
export type RMSPropOptimizerOptions = RmspropOptions;

/**
 * RMSProp on parameters held by the optimizer, updated in place from their `grad` (Tieleman &
 * Hinton, Lecture 6.5: rmsprop, 2012).
 *
 * @example
 * ```ts
 * import { RMSProp, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new RMSProp([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class RMSProp extends Optimizer<RMSPropOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `rmsprop`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<RMSPropOptimizerOptions>,
    options: RMSPropOptimizerOptions = {},
  ) {
    const make = (own: Partial<RMSPropOptimizerOptions>) =>
      rmsprop(overlay<RMSPropOptimizerOptions>("RMSProp", options, own));
    super(params, make({}), make);
  }
}

/**
 * RMSProp under its other name.
 *
 * @example
 * ```ts
 * import { RMSProp, RMSprop } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(RMSprop, RMSProp);
 * ```
 */
export const RMSprop: typeof RMSProp = RMSProp;
/** RMSProp under its other name. */
export type RMSprop = RMSProp;

/** Options of `MetaRMSProp`: those of `rmsprop`, and `firstOrder`. */
export type MetaRMSPropOptions = RmspropOptions & MetaOptimizerOptions;

/**
 * RMSProp whose steps can be differentiated (Tieleman & Hinton, Lecture 6.5: rmsprop,
 * 2012). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaRMSProp, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaRMSProp(net, { lr: 0.1 });
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaRMSProp extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `rmsprop`; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaRMSPropOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaRMSPropOptions>("MetaRMSProp", options);
    super(module, rmsprop(rest), { firstOrder });
  }
}

/**
 * MetaRMSProp under its other name.
 *
 * @example
 * ```ts
 * import { MetaRMSProp, MetaRMSprop } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(MetaRMSprop, MetaRMSProp);
 * ```
 */
export const MetaRMSprop: typeof MetaRMSProp = MetaRMSProp;
/** MetaRMSProp under its other name. */
export type MetaRMSprop = MetaRMSProp;
