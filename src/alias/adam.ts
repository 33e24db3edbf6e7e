/**
 * Adam.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import { checkBetas, checkLr, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scaleByAcceleratedAdam } from "../transform/scale_by_accelerated_adam.ts";
import { scaleByAdam } from "../transform/scale_by_adam.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

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
