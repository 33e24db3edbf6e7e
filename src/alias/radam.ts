/**
 * RAdam.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import { checkBetas, checkLr, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scaleByRadam } from "../transform/scale_by_radam.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

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
