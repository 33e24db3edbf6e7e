/**
 * AdamW.
 *
 * @module
 */

import type { GradientTransformation } from "../base.ts";
import { chain } from "../combine.ts";
import { addDecayedWeights } from "../transform/add_decayed_weights.ts";
import type { Mask } from "../transform/masked.ts";
import { checkBetas, checkLr, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scaleByAcceleratedAdam } from "../transform/scale_by_accelerated_adam.ts";
import { scaleByAdam } from "../transform/scale_by_adam.ts";
import type { AdamOptions } from "./adam.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

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
