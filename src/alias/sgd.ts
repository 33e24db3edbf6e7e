/**
 * Stochastic gradient descent.
 *
 * @module
 */

import type { GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { chain } from "../combine.ts";
import { checkLr, checkNesterov, checkNonNegative, withDefaults } from "../transform/options.ts";
import { trace } from "../transform/trace.ts";
import { flipSignAndAddWeightDecay, scaleByNegLr } from "./utils.ts";

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
