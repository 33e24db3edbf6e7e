/**
 * Transitions along a cosine.
 *
 * @module
 */

import type { Tensor } from "../tensor/tensor.ts";
import { cos, mul, sub } from "./arithmetic.ts";
import type { StepSchedule, TensorSchedule } from "./step_schedule.ts";
import { transition } from "./transition.ts";

/**
 * A value that goes from `init` to `end` along half a period of the cosine, slowly at both ends
 * (Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017):
 * `end + (init - end) * (1 + cos(pi * done / steps)) / 2`.
 *
 * @param init value until step `begin`
 * @param end value from step `begin + steps` on
 * @param steps length of the transition; the value stays `init` where it is not above 0
 * @param begin step at which the transition begins (default 0; negative numbers count as 0)
 * @returns the schedule; it gives tensors where `init` or `end` is one
 * @throws {RangeError} where a number is not finite, or a tensor not 0-d floating point
 *
 * @example
 * ```ts
 * import { schedule } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const lr = schedule.cosineSchedule(1, 0, 3);
 * [1, 0.75, 0.25, 0, 0].forEach((value, count) => assertAlmostEquals(lr(count), value));
 * ```
 */
export function cosineSchedule(
  init: number,
  end: number,
  steps: number,
  begin?: number,
): StepSchedule;
/** The same with 0-d tensors, which can be differentiated. */
export function cosineSchedule(
  init: number | Tensor,
  end: number | Tensor,
  steps: number,
  begin?: number,
): TensorSchedule;
export function cosineSchedule(
  init: number | Tensor,
  end: number | Tensor,
  steps: number,
  begin = 0,
): StepSchedule | TensorSchedule {
  return transition(
    "cosineSchedule",
    { init, end },
    steps,
    begin,
    (left) => mul(0.5, sub(1, cos(mul(Math.PI, left)))),
  );
}
