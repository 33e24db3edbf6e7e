/**
 * AdaDelta.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import { checkDecay, checkLr, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scaleByAdadelta } from "../transform/scale_by_adadelta.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

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
