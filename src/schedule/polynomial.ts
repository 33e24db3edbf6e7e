/**
 * Polynomial transitions.
 *
 * @module
 */

import { numberNode } from "../graph/leaf.ts";
import { add, div, mul, pow, sub } from "../primitives/elementwise.ts";
import { expand } from "../primitives/movement.ts";
import { clamp } from "../tensor/formulas.ts";
import { checkFinite } from "../transform/options.ts";
import { type StepSchedule, stepSchedule } from "./step_schedule.ts";

/** The schedule; `op` names it in messages. */
export function transition(
  op: string,
  init: number,
  end: number,
  power: number,
  steps: number,
  begin: number,
): StepSchedule {
  checkFinite(op, { init, end, power, steps, begin });
  if (steps <= 0) {
    return stepSchedule(
      () => init,
      (count) => expand(numberNode(init, count.dtype), count.shape),
    );
  }
  const start = Math.max(begin, 0);
  return stepSchedule(
    (count) => {
      const done = Math.min(Math.max(count - start, 0), steps);
      return (init - end) * (1 - done / steps) ** power + end;
    },
    (count) => {
      const n = (value: number) => numberNode(value, count.dtype);
      const done = clamp(sub(count, n(start)), n(0), n(steps));
      const left = sub(n(1), div(done, n(steps)));
      return add(mul(n(init - end), power === 1 ? left : pow(left, n(power))), n(end));
    },
  );
}

/**
 * A value that goes from `init` to `end` along a polynomial of degree `power`:
 * `(init - end) * (1 - done / steps) ** power + end`.
 *
 * @param init value until step `begin`
 * @param end value from step `begin + steps` on
 * @param power degree of the polynomial
 * @param steps length of the transition; the value stays `init` where it is not above 0
 * @param begin step at which the transition begins (default 0; negative numbers count as 0)
 * @returns the schedule
 * @throws {RangeError} where a number is not finite
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
  begin = 0,
): StepSchedule {
  return transition("polynomialSchedule", init, end, power, steps, begin);
}
