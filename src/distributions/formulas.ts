/**
 * What formulas of densities have in common.
 *
 * @module
 */

import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** weight * log, which is 0 where the weight is 0 and the log not finite. */
export function timesLog(weight: Tensor, log: Tensor): Tensor {
  return weight.mul(where(weight.eq(0).logicalAnd(log.isFinite().logicalNot()), 0, log));
}

/** Sums over the last dimensions. */
export function sumLast(x: Tensor, dims: number): Tensor {
  return dims === 0 ? x : x.sum(Array.from({ length: dims }, (_, i) => i - dims));
}

/** `value` where `inside` holds, minus infinity elsewhere; NaN where `at` is. */
export function within(inside: Tensor, value: Tensor, at: Tensor): Tensor {
  return value.maskedFill(inside.logicalNot(), -Infinity).maskedFill(at.isNan(), NaN);
}
