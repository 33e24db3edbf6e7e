/**
 * RMSProp.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import { checkLr, checkNesterov, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scaleByRms } from "../transform/scale_by_rms.ts";
import { scaleByStddev } from "../transform/scale_by_stddev.ts";
import { trace } from "../transform/trace.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

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
