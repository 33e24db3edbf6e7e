/**
 * Polynomial transitions.
 *
 * @module
 */

import type { Tensor } from "../tensor/tensor.ts";
import { pow } from "./arithmetic.ts";
import type { StepSchedule, TensorSchedule } from "./step_schedule.ts";
import { transition } from "./transition.ts";

/**
 * A value that goes from `init` to `end` along a polynomial of degree `power`:
 * `(init - end) * (1 - done / steps) ** power + end`.
 *
 * @param init value until step `begin`
 * @param end value from step `begin + steps` on
 * @param power degree of the polynomial
 * @param steps length of the transition; the value stays `init` where it is not above 0
 * @param begin step at which the transition begins (default 0; negative numbers count as 0)
 * @returns the schedule; it gives tensors where `init`, `end` or `power` is one
 * @throws {RangeError} where a number is not finite, or a tensor not 0-d floating point
 *
 * @example
 * ```ts
 * import { schedule } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const lr = schedule.polynomialSchedule(8, 0, 3, 2, 1);
 * assertEquals([0, 1, 2, 3, 4].map((count) => lr(count)), [8, 8, 1, 0, 0]);
 * ```
 */
export function polynomialSchedule(
  init: number,
  end: number,
  power: number,
  steps: number,
  begin?: number,
): StepSchedule;
/** The same with 0-d tensors, which can be differentiated. */
export function polynomialSchedule(
  init: number | Tensor,
  end: number | Tensor,
  power: number | Tensor,
  steps: number,
  begin?: number,
): TensorSchedule;
export function polynomialSchedule(
  init: number | Tensor,
  end: number | Tensor,
  power: number | Tensor,
  steps: number,
  begin = 0,
): StepSchedule | TensorSchedule {
  const given = { init, end, power };
  return transition(
    "polynomialSchedule",
    given,
    steps,
    begin,
    (left, { power }) => pow(left, power),
  );
}
