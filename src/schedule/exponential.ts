/**
 * Exponential decay.
 *
 * @module
 */

import { constantNode, numberNode } from "../graph/leaf.ts";
import {
  div,
  floor,
  le,
  maximum,
  minimum,
  mul,
  pow,
  sub,
  where,
} from "../primitives/elementwise.ts";
import { expand } from "../primitives/movement.ts";
import { checkFinite, checkNames, checkNonNegative, overlay } from "../transform/options.ts";
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
  if (transitionSteps <= 0 || decayRate === 0) {
    return stepSchedule(
      () => init,
      (count) => expand(numberNode(init, count.dtype), count.shape),
    );
  }
  const start = Math.max(transitionBegin, 0), shrinks = decayRate < 1;
  return stepSchedule(
    (count) => {
      const steps = count - start, exponent = steps / transitionSteps;
      const power = decayRate ** (staircase ? Math.floor(exponent) : exponent);
      const value = steps <= 0 ? init : init * power;
      if (endValue === null) return value;
      return shrinks ? Math.max(value, endValue) : Math.min(value, endValue);
    },
    (count) => {
      const n = (value: number) => numberNode(value, count.dtype);
      const steps = sub(count, n(start)), exponent = div(steps, n(transitionSteps));
      const power = pow(n(decayRate), staircase ? floor(exponent) : exponent);
      const early = le(steps, constantNode(0, count.dtype));
      const value = where(early, n(init), mul(n(init), power));
      if (endValue === null) return value;
      return shrinks ? maximum(value, n(endValue)) : minimum(value, n(endValue));
    },
  );
}
