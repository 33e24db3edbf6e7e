/**
 * Exponential decay.
 *
 * @module
 */

import { checkFinite, checkNames, checkNonNegative, overlay } from "../transform/options.ts";
import { atMost, div, floor, maximum, minimum, mul, pow, sub, where } from "./arithmetic.ts";
import { stepSchedule } from "./make_schedule.ts";
import type { StepSchedule } from "./step_schedule.ts";

/** Options of `exponentialDecay`. */
export interface ExponentialDecayOptions {
  /** Factor for each `transitionSteps`, at least 0; 0 means no decay. Above 1 the value grows. */
  readonly decayRate: number;
  /** Step at which the decay begins (default 0; negative numbers count as 0). */
  readonly transitionBegin?: number;
  /** Steps for one factor (default 1); no decay where it is not above 0. */
  readonly transitionSteps?: number;
  /** Whether the value changes only each `transitionSteps` (default false). */
  readonly staircase?: boolean;
  /** Bound of the value: the least for a rate below 1, else the largest (default: none). */
  readonly endValue?: number | null;
}

const NAMES = ["decayRate", "transitionBegin", "transitionSteps", "staircase", "endValue"];

/**
 * A value that is multiplied by `decayRate` each `transitionSteps` steps:
 * `init * decayRate ** ((count - transitionBegin) / transitionSteps)`.
 *
 * @param init value until the decay begins
 * @param options `decayRate`, `transitionBegin`, `transitionSteps`, `staircase`, `endValue`
 * @returns the schedule
 * @throws {RangeError} a negative `decayRate`, or a number that is not finite
 *
 * @example
 * ```ts
 * import { schedule } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const lr = schedule.exponentialDecay(8, { decayRate: 0.5, transitionSteps: 2, staircase: true });
 * assertEquals([0, 1, 2, 3, 4].map((count) => lr(count)), [8, 8, 4, 4, 2]);
 * ```
 */
export function exponentialDecay(init: number, options: ExponentialDecayOptions): StepSchedule {
  const op = "exponentialDecay";
  checkNames(op, options, NAMES);
  const {
    decayRate,
    transitionBegin = 0,
    transitionSteps = 1,
    staircase = false,
    endValue = null,
  } = overlay<ExponentialDecayOptions>(op, options);
  checkNonNegative(op, { decayRate });
  checkFinite(op, { init, transitionBegin, transitionSteps });
  if (endValue !== null) checkFinite(op, { endValue });
  if (transitionSteps <= 0 || decayRate === 0) return stepSchedule(() => init);
  const start = Math.max(transitionBegin, 0), bound = decayRate < 1 ? maximum : minimum;
  return stepSchedule((count) => {
    const steps = sub(count, start), exponent = div(steps, transitionSteps);
    const power = pow(decayRate, staircase ? floor(exponent) : exponent);
    const value = where(atMost(steps, 0), init, mul(init, power));
    return endValue === null ? value : bound(value, endValue);
  });
}
