/**
 * How losses of single elements become one.
 *
 * @module
 */

import type { Reduction } from "./options.ts";
import type { Node } from "../../graph/node.ts";
import { div } from "../../primitives/elementwise.ts";
import { sum } from "../../primitives/reduce.ts";
import { wrap } from "../../tensor/core.ts";
import { mean } from "../../tensor/formulas/statistics.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Throws unless `reduction` is one. */
export function checkReduction(op: string, reduction: string): void {
  if (reduction !== "mean" && reduction !== "sum" && reduction !== "none") {
    throw new TypeError(`${op}: got reduction "${reduction}", wants "mean", "sum" or "none".`);
  }
}

/** Reduces losses; the mean divides by `count` where given, else by the number of elements. */
export function reduceLoss(
  op: string,
  losses: Node,
  reduction: Reduction = "mean",
  count?: Node,
): Tensor {
  checkReduction(op, reduction);
  if (reduction === "none") return wrap(losses);
  const axes = losses.shape.map((_, i) => i);
  if (reduction === "sum") return wrap(sum(losses, axes, false));
  if (count === undefined) return wrap(mean(losses, axes, false));
  return wrap(div(sum(losses, axes, false), count));
}
