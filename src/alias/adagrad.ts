/**
 * AdaGrad.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import { checkLr, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scaleByRss } from "../transform/scale_by_rss.ts";
import { scaleBySchedule } from "../transform/scale_by_schedule.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

/** Options of `adagrad`. */
export interface AdagradOptions {
  /** Learning rate (default 1e-2). */
  readonly lr?: ScalarOrSchedule;
  /** Decay of the learning rate: step t (from 0) uses `lr / (1 + lrDecay * t)` (default 0). */
  readonly lrDecay?: number;
  /** L2 penalty on the parameters (default 0). */
  readonly weightDecay?: number;
  /** First value of the sums of squares (default 0). */
  readonly initialAccumulatorValue?: number;
  /** Added to the root (default 1e-10). */
  readonly eps?: number;
  /** Whether the objective is maximized (default false). */
  readonly maximize?: boolean;
}

/**
 * The AdaGrad optimizer: steps are divided by the root of the sum of all squared gradients, so that
 * they become small in the long run (Duchi et al., Adaptive Subgradient Methods for Online Learning
 * and Stochastic Optimization, 2011).
 *
 * @param options `lr`, `lrDecay`, `weightDecay`, `initialAccumulatorValue`, `eps`, `maximize`
 * @returns the optimizer as a gradient transformation
 * @throws {RangeError} an option out of its range
 * @throws {TypeError} where the options are no object, or hold one that does not exist
 *
 * @example
 * ```ts
 * import { adagrad, applyUpdates, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const params = { w: tensor([3, -4]) };
 * const optimizer = adagrad({ lr: 1, eps: 0 });
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: params.w.mul(2) }, state, { params });
 * applyUpdates(params, updates);
 * assertEquals(params.w.toArray(), [2, -3]);
 * ```
 */
export function adagrad(options: AdagradOptions = {}): GradientTransformation {
  const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize } = withDefaults<
    AdagradOptions
  >("adagrad", {
    lr: 1e-2,
    lrDecay: 0,
    weightDecay: 0,
    initialAccumulatorValue: 0,
    eps: 1e-10,
    maximize: false,
  }, options);
  checkLr("adagrad", lr);
  checkNonNegative("adagrad", { lrDecay, weightDecay, initialAccumulatorValue, eps });
  return chain(
    flipSignAndAddWeightDecay({ weightDecay, maximize }),
    scaleByRss({ initialAccumulatorValue, eps }),
    scaleBySchedule((count) => count.mul(lrDecay).add(1).reciprocal()),
    scaleByNegLr(lr),
  );
}
