/**
 * Schedules inside of compiled functions. A schedule is a function of its user, which may depend on
 * more than the count: what it says is looked at before each call.
 *
 * @module
 */

import type { Schedule } from "../base.ts";
import { placeholderNode, scalar } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { isFixed } from "../schedule/make_schedule.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace, Trace, withTrace } from "../tensor/trace.ts";

/** What a schedule gives for a count; inside of `compile()` a number becomes data of each call. */
export function scheduled(schedule: Schedule, count: Node): Tensor | number {
  const factor = schedule(wrap(count)), compiling = currentTrace()?.compiling ?? null;
  if (compiling === null || isFixed(schedule)) return factor;
  if (typeof factor === "number") {
    return wrap(compiling.numberLater(factor, () => {
      const now = probe(schedule);
      return typeof now === "number" ? now : null;
    }));
  }
  if (factor instanceof TensorCore) {
    const then = outline(factor.node, count, compiling);
    compiling.numberLater(0, () => {
      const now = probe(schedule);
      return Array.isArray(now) && now.length === then.length &&
          now.every((x, i) => Object.is(x, then[i]))
        ? 0
        : null;
    });
  }
  return factor;
}

/** What a schedule gives now, without knowing the count: a number, or the outline of a graph. */
function probe(schedule: Schedule): number | unknown[] | null {
  const trace = new Trace(() => {}), count = placeholderNode({ shape: [], dtype: "float64" });
  try {
    const factor = withTrace(trace, () => schedule(wrap(count)));
    if (!(factor instanceof TensorCore)) return factor;
    return outline(factor.rawNode, count, trace);
  } finally {
    trace.restore();
  }
}

/** A graph as a list that is equal for equal graphs over the same tensors, with their numbers. */
function outline(root: Node, count: Node, trace: Trace): unknown[] {
  const handles = new Map(trace.captured.map((c) => [c.stand, c.handle]));
  const numbers = new Map<Node, number>(), list: unknown[] = [], waiting = [root];
  while (waiting.length > 0) {
    const node = waiting.pop()!, known = numbers.get(node);
    if (known !== undefined) {
      list.push(known);
      continue;
    }
    numbers.set(node, numbers.size);
    if (node === count) list.push("count");
    else if (handles.has(node)) list.push(handles.get(node));
    else if (node.storage !== null) list.push(node.storage);
    else {
      list.push(node.prim, node.attrKey, node.prim === scalar ? node.attrs.value : null);
      for (const input of node.inputs) waiting.push(input);
    }
  }
  return list;
}
