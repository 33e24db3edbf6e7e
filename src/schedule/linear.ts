/**
 * Linear transitions.
 *
 * @module
 */

import type { Tensor } from "../tensor/tensor.ts";
import type { StepSchedule, TensorSchedule } from "./step_schedule.ts";
import { transition } from "./transition.ts";

/**
 * A value that goes from `init` to `end` in a straight line.
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
 * import { schedule, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const lr = schedule.linearSchedule(1, 0, 4);
 * assertEquals(lr(1), 0.75);
 * assertEquals(lr(tensor(3)).item(), 0.25);
 * ```
 */
export function linearSchedule(
  init: number,
  end: number,
  steps: number,
  begin?: number,
): StepSchedule;
/** The same with 0-d tensors, which can be differentiated. */
export function linearSchedule(
  init: number | Tensor,
  end: number | Tensor,
  steps: number,
  begin?: number,
): TensorSchedule;
export function linearSchedule(
  init: number | Tensor,
  end: number | Tensor,
  steps: number,
  begin = 0,
): StepSchedule | TensorSchedule {
  return transition("linearSchedule", { init, end }, steps, begin, (left) => left);
}
