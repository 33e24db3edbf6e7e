/**
 * AdaDelta: as a gradient transformation, as a classic optimizer and as a differentiable one.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import type { Module } from "../nn/module.ts";
import {
  checkDecay,
  checkLr,
  checkNonNegative,
  overlay,
  withDefaults,
} from "../transform/options.ts";
import { scaleByAdadelta } from "../transform/scale_by_adadelta.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `adadelta`. */
export interface AdadeltaOptions {
  /** Learning rate (default 1e-3). */
  readonly lr?: ScalarOrSchedule;
  /** Decay of the running means, in [0, 1) (default 0.9). */
  readonly rho?: number;
  /** Added to both means (default 1e-6). */
  readonly eps?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** Whether the means of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/**
 * The AdaDelta optimizer: steps adapt to running means of squared gradients and of squared updates
 * (Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012).
 *
 * @param options `lr`, `rho`, `eps`, `weightDecay`, `momentRequiresGrad`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { adadelta, applyUpdates, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = adadelta({ lr: 1 });
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 * applyUpdates(params, updates);
 * assert(params.w.square().sum().item() < 25);
 * ```
 */
export function adadelta(options: AdadeltaOptions = {}): GradientTransformation {
  const { lr, rho, eps, weightDecay, momentRequiresGrad } = withDefaults<AdadeltaOptions>(
    "adadelta",
    { lr: 1e-3, rho: 0.9, eps: 1e-6, weightDecay: 0, momentRequiresGrad: false },
    options,
  );
  checkLr("adadelta", lr);
  checkDecay("adadelta", { rho });
  checkNonNegative("adadelta", { eps, weightDecay });
  return chain(
    flipSignAndAddWeightDecay({ weightDecay }),
    scaleByAdadelta({ rho, eps, momentRequiresGrad }),
    scaleByNegLr(lr),
  );
}

/** Options of `AdaDelta`: those of `adadelta` without `momentRequiresGrad`. */
export type AdaDeltaOptimizerOptions = Omit<AdadeltaOptions, "momentRequiresGrad">;

/**
 * AdaDelta on parameters held by the optimizer, updated in place from their `grad` (Zeiler,
 * ADADELTA: An Adaptive Learning Rate Method, 2012).
 *
 * @example
 * ```ts
 * import { AdaDelta, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdaDelta([w], { lr: 1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdaDelta extends Optimizer<AdaDeltaOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adadelta`, with other defaults: `lr` 1
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdaDeltaOptimizerOptions>,
    options: AdaDeltaOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdaDeltaOptimizerOptions>) =>
      adadelta(overlay<AdaDeltaOptimizerOptions>("AdaDelta", { lr: 1 }, options, own));
    super(params, make({}), make);
  }
}

/**
 * AdaDelta under its other name.
 *
 * @example
 * ```ts
 * import { AdaDelta, Adadelta } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Adadelta, AdaDelta);
 * ```
 */
export const Adadelta: typeof AdaDelta = AdaDelta;
/** AdaDelta under its other name. */
export type Adadelta = AdaDelta;

/** Options of `MetaAdaDelta`: those of `adadelta`, and `firstOrder`. */
export type MetaAdaDeltaOptions = AdadeltaOptions & MetaOptimizerOptions;

/**
 * AdaDelta whose steps can be differentiated (Zeiler, ADADELTA: An Adaptive Learning
 * Rate Method, 2012). See {@linkcode MetaOptimizer}.
 *
 * @example
 * ```ts
 * import { autograd, MetaAdaDelta, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), weight = tensor(1, { requiresGrad: true });
 * const optimizer = new MetaAdaDelta(net);
 * for (let i = 0; i < 2; i++) optimizer.step(net.call(ones([3, 2])).square().mean().mul(weight));
 * const [slope] = autograd.grad(net.call(ones([3, 2])).square().mean(), [weight]);
 * assert(Number.isFinite(slope!.item()));
 * ```
 */
export class MetaAdaDelta extends MetaOptimizer {
  /**
   * Makes an optimizer with a new state.
   *
   * @param module the module whose parameters are updated
   * @param options those of `adadelta`, with other defaults: `lr` 1, `momentRequiresGrad` true; `firstOrder`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where the first argument is no module, or an option does not exist
   */
  constructor(module: Module, options: MetaAdaDeltaOptions = {}) {
    const { firstOrder, ...rest } = overlay<MetaAdaDeltaOptions>("MetaAdaDelta", {
      lr: 1,
      momentRequiresGrad: true,
    }, options);
    super(module, adadelta(rest), { firstOrder });
  }
}

/**
 * MetaAdaDelta under its other name.
 *
 * @example
 * ```ts
 * import { MetaAdaDelta, MetaAdadelta } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(MetaAdadelta, MetaAdaDelta);
 * ```
 */
export const MetaAdadelta: typeof MetaAdaDelta = MetaAdaDelta;
/** MetaAdaDelta under its other name. */
export type MetaAdadelta = MetaAdaDelta;
