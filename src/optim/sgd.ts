/**
 * Stochastic gradient descent: as a gradient transformation, as a classic optimizer and as a differentiable one.
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
import { trace } from "../transform/trace.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `sgd`. */
export interface SgdOptions {
  /** Learning rate. */
  readonly lr: ScalarOrSchedule;
  /** Decay of the sum of gradients (default 0: no momentum). */
  readonly momentum?: number;
  /** Part of each gradient that momentum leaves out after the first step (default 0). */
  readonly dampening?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** Whether the momentum looks ahead (default false). */
  readonly nesterov?: boolean;
  /** Whether the momentum of a new state requires gradients (default false). */
  readonly momentRequiresGrad?: boolean;
  /** Whether the objective is maximized (default false). */
  readonly maximize?: boolean;
}

/**
 * Stochastic gradient descent, with momentum (Polyak, Some methods of speeding up the convergence of
 * iteration methods, 1964) and its look-ahead variant (Sutskever et al., On the importance of
 * initialization and momentum in deep learning, 2013).
 *
 * @param options `lr`, `momentum`, `dampening`, `weightDecay`, `nesterov`, `momentRequiresGrad`,
 * `maximize`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range, or nesterov with dampening or without momentum
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { applyUpdates, sgd, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = sgd({ lr: 0.25 });
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 * applyUpdates(params, updates);
 * assertEquals(params.w.toArray(), [1.5, -2]);
 * ```
 */
export function sgd(options: SgdOptions): GradientTransformation {
  const { lr, momentum, dampening, weightDecay, nesterov, momentRequiresGrad, maximize } =
    withDefaults<SgdOptions>("sgd", {
      lr: undefined!,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
      momentRequiresGrad: false,
      maximize: false,
    }, options);
  checkLr("sgd", lr);
  checkNonNegative("sgd", { momentum, dampening, weightDecay });
  checkNesterov("sgd", { nesterov, momentum, dampening });
  return chain(
    flipSignAndAddWeightDecay({ weightDecay, maximize }),
    trace({ momentum, dampening, nesterov, momentRequiresGrad }),
    scaleByNegLr(lr),
  );
}

/** Options of `SGD`: those of `sgd` without `momentRequiresGrad`. */
export type SGDOptimizerOptions = Omit<SgdOptions, "momentRequiresGrad">;

/**
 * Stochastic gradient descent on parameters held by the optimizer, updated in place from their
 * `grad` (Sutskever et al., On the importance of initialization and momentum in deep learning,
 * 2013).
 *
 * @example
 * ```ts
 * import { SGD, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class SGD extends Optimizer<SGDOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `sgd`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<SGDOptimizerOptions>,
    options: SGDOptimizerOptions,
  ) {
    const make = (own: Partial<SGDOptimizerOptions>) =>
      sgd(overlay<SGDOptimizerOptions>("SGD", options, own));
    super(params, make({}), make);
  }
}

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
