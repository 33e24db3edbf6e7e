/**
 * AdamW: as a gradient transformation, as a classic optimizer and as a differentiable one.
 *
 * @module
 */

import type { GradientTransformation } from "../base.ts";
import { chain } from "../combine.ts";
import type { Module } from "../nn/module.ts";
import { addDecayedWeights } from "../transform/add_decayed_weights.ts";
import type { Mask } from "../transform/masked.ts";
import {
  checkBetas,
  checkLr,
  checkNonNegative,
  overlay,
  withDefaults,
} from "../transform/options.ts";
import { scaleByAcceleratedAdam } from "../transform/scale_by_accelerated_adam.ts";
import { scaleByAdam } from "../transform/scale_by_adam.ts";
import type { AdamOptions } from "./adam.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./links.ts";
import { MetaOptimizer, type MetaOptimizerOptions } from "./meta_optimizer.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";

/** Options of `adamw`: those of `adam`, with decoupled decay. */
export interface AdamWOptions extends AdamOptions {
  /** Decay of the parameters, times the learning rate (default 1e-2). */
  readonly weightDecay?: number;
  /**
   * Which parameters decay (default: all): a tree of booleans with the structure of the parameters or
   * a prefix of it, or a function that returns one.
   */
  readonly mask?: Mask | null;
}

/**
 * The AdamW optimizer: Adam with weight decay that does not pass through its means,
 * `p -= lr * (adam + weightDecay * p)` (Loshchilov & Hutter, Decoupled Weight Decay Regularization,
 * 2019).
 *
 * @param options those of `adam` with `weightDecay` 1e-2 by default, and `mask`
 * @returns the optimizer as a gradient transformation; its updates need `params`
 * @throws {RangeError} an option out of its range
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { adamw, applyUpdates, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const params = { w: tensor([2]), b: tensor([2]) };
 * const optimizer = adamw({ lr: 0.5, weightDecay: 0.5, mask: { w: true, b: false } });
 * const state = optimizer.init(params);
 * const grads = { w: tensor([0]), b: tensor([0]) };
 * const [updates] = optimizer.update(grads, state, { params });
 * applyUpdates(params, updates);
 * assertEquals([params.w.item(), params.b.item()], [1.5, 2]);
 * ```
 */
export function adamw(options: AdamWOptions = {}): GradientTransformation {
  const {
    lr,
    betas,
    eps,
    weightDecay,
    epsRoot,
    mask,
    momentRequiresGrad,
    maximize,
    useAcceleratedOp,
  } = withDefaults<AdamWOptions>("adamw", {
    lr: 1e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 1e-2,
    epsRoot: 0,
    mask: null,
    momentRequiresGrad: false,
    maximize: false,
    useAcceleratedOp: false,
  }, options);
  checkLr("adamw", lr);
  checkBetas("adamw", betas);
  checkNonNegative("adamw", { eps, weightDecay, epsRoot });
  const [b1, b2] = betas;
  const scaling = useAcceleratedOp ? scaleByAcceleratedAdam : scaleByAdam;
  return chain(
    flipSignAndAddWeightDecay({ maximize }),
    scaling({ b1, b2, eps, epsRoot, momentRequiresGrad }),
    addDecayedWeights({ weightDecay, mask }),
    scaleByNegLr(lr),
  );
}

/** Options of `AdamW`: those of `adamw` without `momentRequiresGrad`. */
export type AdamWOptimizerOptions = Omit<AdamWOptions, "momentRequiresGrad">;

/**
 * AdamW on parameters held by the optimizer, updated in place from their `grad`. A mask is a tree
 * like the list of parameters of a group (Loshchilov & Hutter, Decoupled Weight Decay
 * Regularization, 2019).
 *
 * @example
 * ```ts
 * import { AdamW, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdamW([w], { lr: 0.1, weightDecay: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdamW extends Optimizer<AdamWOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adamw`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdamWOptimizerOptions>,
    options: AdamWOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdamWOptimizerOptions>) =>
      adamw(overlay<AdamWOptimizerOptions>("AdamW", options, own));
    super(params, make({}), make);
  }
}

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
