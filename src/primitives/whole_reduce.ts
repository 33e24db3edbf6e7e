/**
 * Reductions by products of matrices or by halves. ONNX Runtime's kernels for sums and products of int64
 * and int32 count in float64, which rounds beyond 2 ** 53 and stops at the ends of the type; these are
 * exact and wrap around, as additions do. Devices without a kernel reduce by halves, whatever the type.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import type { DType } from "../runtime/mod.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import type { Aval } from "../graph/node.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";

/** Reduces dimension 1 of a value of sizes [outer, count, inner]; as many elements stay. */
type Reducer = (c: LowerContext, x: string, sizes: Shape, dtype: DType) => string;

/** Sums as products with ones. */
export const sumOf: Reducer = (c, x, [outer, count, inner], dtype) => {
  const ones = (sizes: Shape) => c.op("Expand", [c.scalar(dtype, 1), c.ints(sizes)]);
  if (inner > 1) return c.op("MatMul", [ones([1, count]), x]);
  return c.op("MatMul", [c.op("Reshape", [x, c.ints([outer, count])]), ones([count, 1])]);
};

/** A reduction by halves with an operator of two operands; what is left over of an odd count waits. */
export const byHalves = (operator: "Add" | "Mul" | "Max" | "Min"): Reducer => (c, x, [, count]) => {
  const part = (y: string, from: number, to: number) =>
    c.op("Slice", [y, c.ints([from]), c.ints([to]), c.ints([1])]);
  const left: string[] = [];
  let y = x;
  for (let n = count; n > 1; n >>= 1) {
    const half = n >> 1;
    if (n % 2 === 1) left.push(part(y, n - 1, n));
    y = c.op(operator, [part(y, 0, half), part(y, half, 2 * half)]);
  }
  return left.reduce((a, b) => c.op(operator, [a, b]), y);
};

/** A reduction over axes, none of them empty, one run of neighbouring axes after another. */
export function lowerRuns(
  c: LowerContext,
  x: string,
  { dtype, shape }: Aval,
  axes: Shape,
  result: Shape,
  reduce: Reducer,
): string {
  const sizes = [...shape];
  let y = x;
  for (let last = axes.length - 1; last >= 0;) {
    let first = last;
    while (first > 0 && axes[first - 1] === axes[first] - 1) first--;
    const from = axes[first], to = axes[last] + 1;
    const parts = [
      sizeOf(sizes.slice(0, from)),
      sizeOf(sizes.slice(from, to)),
      sizeOf(sizes.slice(to)),
    ];
    y = reduce(c, c.op("Reshape", [y, c.ints(parts)], { allowzero: attr.int(1) }), parts, dtype);
    sizes.fill(1, from, to);
    last = first - 1;
  }
  return c.op("Reshape", [y, c.ints(result)], { allowzero: attr.int(1) });
}
