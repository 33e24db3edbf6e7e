/**
 * Making schedules for counts that are numbers or tensors.
 *
 * @module
 */

import { numberNode } from "../graph/leaf.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { cast } from "../primitives/elementwise.ts";
import { expand } from "../primitives/movement.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkFinite } from "../transform/options.ts";
import type { Value } from "./arithmetic.ts";
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

/** Makes a schedule of its formula, which is given a number or a node, and gives one of either. */
export function stepSchedule(formula: (count: Value) => Value): StepSchedule {
  const at = (count: number | Tensor): number | Tensor =>
    count instanceof TensorCore ? valueAt(formula, floating(count.node)) : formula(count) as number;
  return asFixed(at as StepSchedule);
}

/** Numbers by name, of which some may be tensors that can be differentiated. */
type Given<K extends string> = Readonly<Record<K, number | Tensor>>;

/**
 * Makes a schedule of a formula that takes `given`, too: one that gives tensors where any of them is
 * one.
 *
 * @throws {RangeError} where a number is not finite, or a tensor not 0-d floating point; `op` is named
 */
export function scheduleOf<K extends string>(
  op: string,
  given: Given<K>,
  formula: (count: Value, given: Record<K, Value>) => Value,
): StepSchedule | TensorSchedule {
  const entries = Object.entries<number | Tensor>(given);
  const numbers = entries.filter(([, value]) => !(value instanceof TensorCore));
  checkFinite(op, Object.fromEntries(numbers));
  for (const [name, value] of entries) {
    if (!(value instanceof TensorCore) || (value.ndim === 0 && isFloat(value.dtype))) continue;
    throw new RangeError(
      `${op}: ${name} is a ${value.dtype} tensor of shape ${showShape(value.shape)}, wants a ` +
        `number or a 0-d floating-point tensor.`,
    );
  }
  if (numbers.length === entries.length) {
    return stepSchedule((count) => formula(count, given as Record<K, number>));
  }
  return asFixed((count: number | Tensor) => {
    const node = count instanceof TensorCore ? count.node : numberNode(count, "float64");
    return valueAt((count) => {
      // Read anew at each call: a tensor may have been changed in place.
      const values = entries.map(([name, value]): [string, Value] => [
        name,
        value instanceof TensorCore ? cast(value.node, (count as Node).dtype) : value,
      ]);
      return formula(count, Object.fromEntries(values) as Record<K, Value>);
    }, floating(node));
  });
}

const floating = (count: Node): Node => isFloat(count.dtype) ? count : cast(count, "float64");

/** The value at a count, in its shape: a formula may not depend on the count. */
function valueAt(formula: (count: Value) => Value, count: Node): Tensor {
  const value = formula(count);
  const node = typeof value === "number" ? numberNode(value, count.dtype) : value;
  return wrap(node.shape.length === count.shape.length ? node : expand(node, count.shape));
}
