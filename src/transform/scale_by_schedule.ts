/**
 * Scaling by a schedule.
 *
 * @module
 */

import type { GradientTransformation, Schedule, TensorTree } from "../base.ts";
import type { Node } from "../graph/node.ts";
import { cast, mul } from "../primitives/elementwise.ts";
import { TensorCore } from "../tensor/core.ts";
import { scheduled } from "./live_schedule.ts";
import { describe } from "./options.ts";
import { scaler } from "./scaler.ts";

/** State of `scaleBySchedule`. */
export type ScaleByScheduleState = {
  /** Steps of each leaf (int64), from 0. */
  count: TensorTree;
};

/**
 * Multiplies updates by a schedule of the number of steps taken before, from 0.
 *
 * The count is data: a schedule is evaluated in the graph, and its steps share one compiled graph. A
 * schedule that returns a plain number is called at each update, and before each call of a compiled
 * function, which cannot know the count as a number.
 *
 * @param stepSizeFn from the count, a 0-d float64 tensor, to the factor
 * @returns the transformation; its state holds `count`
 * @throws {TypeError} where `stepSizeFn` is no function, or (in an update) gives no single number
 *
 * @example
 * ```ts
 * import { schedule, tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const scaling = transform.scaleBySchedule(schedule.linearSchedule(1, 0, 4));
 * const grads = [tensor([8])];
 * const state = scaling.init(grads);
 * const steps = Array.from({ length: 3 }, () => {
 *   const [[u]] = scaling.update(grads, state);
 *   return u.item();
 * });
 * assertEquals(steps, [8, 6, 4]);
 * ```
 */
export function scaleBySchedule(
  stepSizeFn: Schedule,
): GradientTransformation<ScaleByScheduleState> {
  if (typeof stepSizeFn !== "function") {
    throw new TypeError(
      `scaleBySchedule: stepSizeFn is ${describe(stepSizeFn)}, wants a function of the count.`,
    );
  }
  return scaler<Node, ScaleByScheduleState>({
    name: "scaleBySchedule",
    moments: {},
    counter: { key: "count", start: 0, perLeaf: true },
    coefficients(number, dtype, count) {
      const factor = scheduled(stepSizeFn, cast(count, "float64"));
      if (typeof factor === "number") return number(factor, dtype);
      if (factor instanceof TensorCore && factor.ndim === 0) return cast(factor.node, dtype);
      throw new TypeError(
        `scaleBySchedule: the schedule gave ${describe(factor)}, wants a number or a 0-d tensor.`,
      );
    },
    step: (g, _moments, factor) => [mul(g, factor)],
  });
}
