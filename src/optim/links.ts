/**
 * First and last link of every optimizer.
 *
 * @module
 */

import type { EmptyState, GradientTransformation, ScalarOrSchedule } from "../base.ts";
import { identity } from "../combine.ts";
import type { Node } from "../graph/node.ts";
import { add, cast, mul, neg } from "../primitives/elementwise.ts";
import { asFixed, isFixed } from "../schedule/make_schedule.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkLr, checkNonNegative, withDefaults } from "../transform/options.ts";
import { scale } from "../transform/scale.ts";
import { scaleBySchedule } from "../transform/scale_by_schedule.ts";
import { stateless } from "../transform/stateless.ts";

/** Options of `flipSignAndAddWeightDecay`. */
export interface FlipSignOptions {
  /** Factor of the parameters (default 0). */
  readonly weightDecay?: number;
  /** Whether the objective is maximized (default false). */
  readonly maximize?: boolean;
}

/**
 * Turns gradients round where the objective is maximized, then adds `weightDecay` times the
 * parameters, so that decay makes parameters smaller either way.
 *
 * @param options `weightDecay`, `maximize`
 * @returns the transformation; the identity where there is nothing to do
 * @throws {RangeError} where `weightDecay` is negative
 *
 * @example
 * ```ts
 * import { flipSignAndAddWeightDecay, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const flip = flipSignAndAddWeightDecay({ weightDecay: 0.5, maximize: true });
 * const params = [tensor([2])];
 * const [[u]] = flip.update([tensor([3])], {}, { params });
 * assertEquals(u.item(), -2);
 * ```
 */
export function flipSignAndAddWeightDecay(
  options: FlipSignOptions = {},
): GradientTransformation<EmptyState> {
  const { weightDecay, maximize } = withDefaults<FlipSignOptions>("flipSignAndAddWeightDecay", {
    weightDecay: 0,
    maximize: false,
  }, options);
  checkNonNegative("flipSignAndAddWeightDecay", { weightDecay });
  const flip = maximize ? neg : (g: Node) => g;
  if (weightDecay === 0) return maximize ? stateless("flipSign", flip) : identity();
  return stateless(
    "weightDecay",
    (g, param, number) => add(flip(g), mul(number(weightDecay, g.dtype), cast(param, g.dtype))),
    { wantsParams: true },
  );
}

/**
 * Multiplies updates by minus the learning rate.
 *
 * @param lr a number of at least 0, a schedule of the count of steps (from 0), or a 0-d tensor, which
 * is read at each update and can be differentiated
 * @returns the transformation
 * @throws {RangeError} where a number is negative or a tensor not 0-d
 *
 * @example
 * ```ts
 * import { scaleByNegLr, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const grads = [tensor([3])];
 * const [[u]] = scaleByNegLr(2).update(grads, {});
 * assertEquals(u.item(), -6);
 * ```
 */
export function scaleByNegLr(lr: ScalarOrSchedule): GradientTransformation {
  checkLr("scaleByNegLr", lr);
  if (typeof lr === "function") {
    const schedule = (count: Tensor) => negative(lr(count));
    return scaleBySchedule(isFixed(lr) ? asFixed(schedule) : schedule);
  }
  if (typeof lr === "number") return scale(-lr);
  return stateless("scaleByNegLr", (g) => mul(g, neg(cast(lr.node, g.dtype))));
}

function negative(x: Tensor | number): Tensor | number {
  // What is no number is left to the error of scaleBySchedule().
  return x instanceof TensorCore ? x.neg() : typeof x === "number" ? -x : x;
}
