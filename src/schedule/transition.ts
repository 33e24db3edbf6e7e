/**
 * The transition of linear and polynomial schedules.
 *
 * @module
 */

import { constantNode, numberNode } from "../graph/leaf.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { add, cast, div, eq, le, mul, pow, sub, where } from "../primitives/elementwise.ts";
import { expand } from "../primitives/movement.ts";
import { TensorCore } from "../tensor/core.ts";
import { clamp } from "../tensor/formulas/basic.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkFinite } from "../transform/options.ts";
import { stepSchedule, tensorSchedule } from "./make_schedule.ts";
import type { StepSchedule, TensorSchedule } from "./step_schedule.ts";

/** The schedule; `op` names it in messages. */
export function transition(
  op: string,
  init: Anneal,
  end: Anneal,
  power: Anneal,
  steps: number,
  begin: number,
): StepSchedule | TensorSchedule {
  const given = { init, end, power };
  checkFinite(op, { steps, begin });
  const numbers = Object.entries(given).filter(([, value]) => !(value instanceof TensorCore));
  checkFinite(op, Object.fromEntries(numbers));
  for (const [name, value] of Object.entries(given)) {
    if (!(value instanceof TensorCore) || (value.ndim === 0 && isFloat(value.dtype))) continue;
    throw new RangeError(
      `${op}: ${name} is a ${value.dtype} tensor of shape ${
        showShape(value.shape)
      }, wants a number ` +
        `or a 0-d floating-point tensor.`,
    );
  }
  const start = Math.max(begin, 0);
  const ofNode = (count: Node): Node => {
    const n = (value: Anneal) =>
      value instanceof TensorCore ? cast(value.node, count.dtype) : numberNode(value, count.dtype);
    if (steps <= 0) return expand(n(init), count.shape);
    const done = clamp(sub(count, n(start)), n(0), n(steps));
    const left = sub(n(1), div(done, n(steps)));
    const span = typeof init === "number" && typeof end === "number"
      ? n(init - end)
      : sub(n(init), n(end));
    return add(mul(span, power === 1 ? left : powerOf(left, n(power), power)), n(end));
  };
  if (typeof init !== "number" || typeof end !== "number" || typeof power !== "number") {
    return tensorSchedule(ofNode);
  }
  return stepSchedule((count) => {
    if (steps <= 0) return init;
    const done = Math.min(Math.max(count - start, 0), steps);
    return (init - end) * (1 - done / steps) ** power + end;
  }, ofNode);
}

/** `left ** power`; derivatives with respect to the power are 0 where nothing is left. */
function powerOf(left: Node, power: Node, given: Anneal): Node {
  if (typeof given === "number") return pow(left, power);
  const zero = constantNode(0, left.dtype), one = constantNode(1, left.dtype);
  const over = le(left, zero);
  const ended = where(eq(power, zero), one, zero);
  return where(over, ended, pow(where(over, one, left), power));
}

/** A value of a schedule: a number, or a 0-d tensor that can be differentiated. */
type Anneal = number | Tensor;
