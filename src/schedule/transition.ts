/**
 * Schedules that go from one value to another.
 *
 * @module
 */

import type { Tensor } from "../tensor/tensor.ts";
import { checkFinite } from "../transform/options.ts";
import { add, clamp, div, mul, sub, type Value } from "./arithmetic.ts";
import { scheduleOf } from "./make_schedule.ts";
import type { StepSchedule, TensorSchedule } from "./step_schedule.ts";

/** Numbers, or 0-d tensors that can be differentiated, between which a schedule goes. */
type Ends<K extends string> = Readonly<Record<K | "init" | "end", number | Tensor>>;

/**
 * A value that goes from `init` to `end` between the steps `begin` and `begin + steps`, and stays
 * `init` where `steps` is not above 0.
 *
 * @param op the schedule's name in messages
 * @param given `init`, `end` and what else `curve` takes
 * @param curve which share of the way is left, from the share of the steps that are left
 */
export function transition<K extends string>(
  op: string,
  given: Ends<K>,
  steps: number,
  begin: number,
  curve: (left: Value, given: Record<K, Value>) => Value,
): StepSchedule | TensorSchedule {
  checkFinite(op, { steps, begin });
  const start = Math.max(begin, 0);
  return scheduleOf<K | "init" | "end">(op, given, (count, values) => {
    const { init, end } = values;
    if (steps <= 0) return init;
    const left = sub(1, div(clamp(sub(count, start), 0, steps), steps));
    return add(mul(sub(init, end), curve(left, values)), end);
  });
}
