/**
 * Making schedules for counts that are numbers or tensors.
 *
 * @module
 */

import { numberNode } from "../graph/leaf.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { cast } from "../primitives/elementwise.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { StepSchedule, TensorSchedule } from "./step_schedule.ts";

/** Schedules that depend on nothing but the count and tensors. */
const fixed = new WeakSet<object>();

/** Whether a function is a schedule that depends on nothing but the count and tensors. */
export function isFixed(schedule: object): boolean {
  return fixed.has(schedule);
}

/** Marks a schedule that depends on nothing but the count and tensors. */
export function asFixed<F extends object>(schedule: F): F {
  fixed.add(schedule);
  return schedule;
}

/** Makes a schedule that gives tensors. */
export function tensorSchedule(ofNode: (count: Node) => Node): TensorSchedule {
  return asFixed((count: number | Tensor) => {
    const node = count instanceof TensorCore ? count.node : numberNode(count, "float64");
    return wrap(ofNode(isFloat(node.dtype) ? node : cast(node, "float64")));
  });
}

/** Makes a schedule of its two forms. */
export function stepSchedule(
  ofNumber: (count: number) => number,
  ofNode: (count: Node) => Node,
): StepSchedule {
  const at = (count: number | Tensor): number | Tensor => {
    if (!(count instanceof TensorCore)) return ofNumber(count);
    const node = count.node;
    return wrap(ofNode(isFloat(node.dtype) ? node : cast(node, "float64")));
  };
  return asFixed(at as StepSchedule);
}
