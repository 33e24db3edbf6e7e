/**
 * AdaMax.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import { checkBetas, checkLr, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scaleByAdamax } from "../transform/scale_by_adamax.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

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
