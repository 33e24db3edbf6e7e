/**
 * Orders among which NaN has a place. ONNX Runtime's kernels compare with `<`, which holds for no NaN,
 * so that they pass over one or leave numbers beside it unsorted. Here NaN counts as PyTorch has it: the
 * largest in a sort, and the extremum of whatever it is part of. Where there is no NaN, the plain kernel
 * runs.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import type { DType } from "../runtime/mod.ts";
import type { LowerContext } from "../graph/lower_context.ts";

/** What an order works on. */
export interface Ordered {
  /** Name of the values. */
  readonly x: string;
  /** Their floating-point type. */
  readonly dtype: DType;
  /** Axis of the order. */
  readonly axis: number;
  /** Size of that axis. */
  readonly size: number;
  /** Number of dimensions. */
  readonly rank: number;
}

/** Above all numbers of float32 and float16, below infinity. */
const BELOW_INFINITY = 1e300;

/** The k largest or smallest along an axis, in order, and their places; equals keep their order. */
export function ordered(c: LowerContext, of: Ordered, k: number, largest: boolean): string[] {
  const { x, dtype, axis, size } = of;
  const top = (keys: string, count: number) =>
    c.ops("TopK", [keys, c.ints([count])], {
      axis: attr.int(axis),
      largest: attr.int(largest ? 1 : 0),
      sorted: attr.int(1),
    }, { outputs: 2 });
  const along = { axis: attr.int(axis) };
  return branch(c, of, [dtype, "int64"], () => {
    const missing = c.op("IsNaN", [x]);
    let places: string;
    if (!c.target.has("TopK", "float64")) places = placesApart(c, of, missing, top, k, largest);
    else if (dtype === "float64") {
      const above = c.scalar(dtype, Infinity);
      // First by number, with infinity and NaN as equals, then those two apart. Sorting is stable.
      const [, first] = top(c.op("Where", [missing, above, x]), size);
      const marks = c.cast(c.op("GatherElements", [missing, first], along), "int32");
      places = c.op("GatherElements", [first, top(marks, k)[1]], along);
    } else {
      // float64 has room between infinity and the other numbers of a narrower type.
      const above = c.scalar("float64", Infinity);
      const numbers = c.op("Min", [c.cast(x, "float64"), c.scalar("float64", BELOW_INFINITY)]);
      places = top(c.op("Where", [missing, above, numbers]), k)[1];
    }
    return [c.op("GatherElements", [x, places], along), places];
  }, () => top(x, k));
}

/**
 * Places in order on devices that sort float32 alone, not in a stable way, and take infinities for what
 * they fill up with: first the finite numbers, then the others apart, by keys that no two have in common.
 * float32 holds those of an axis of a few million.
 */
function placesApart(
  c: LowerContext,
  { x, dtype, axis, size, rank }: Ordered,
  missing: string,
  top: (keys: string, count: number) => string[],
  k: number,
  largest: boolean,
): string {
  const number = (value: number) => c.scalar("float32", value);
  const isAt = (end: number) => c.op("Equal", [x, c.scalar(dtype, end)]);
  const low = c.op("Where", [isAt(-Infinity), number(-1), number(0)]);
  const ends = c.op("Where", [isAt(Infinity), number(1), low]);
  const marks = c.op("Where", [missing, number(2), ends]);
  const isFinite = c.op("Equal", [marks, number(0)]);
  const [, first] = top(c.op("Where", [isFinite, x, c.scalar(dtype, 0)]), size);
  const along = { axis: attr.int(axis) };
  const shape = Array.from({ length: rank }, (_, i) => i === axis ? size : 1);
  const order = c.constant("float32", shape, Array.from({ length: size }, (_, i) => i));
  const beyond = c.op("Mul", [c.op("GatherElements", [marks, first], along), number(size)]);
  const keys = c.op(largest ? "Sub" : "Add", [beyond, order]);
  return c.op("GatherElements", [first, top(keys, k)[1]], along);
}

/** Place of the first NaN along an axis, else of the extremum that `onnx` (ArgMax, ArgMin) finds. */
export function extremumPlace(
  c: LowerContext,
  onnx: string,
  of: Ordered,
  keepdim: boolean,
): string {
  const { x, axis } = of;
  const place = (type: string, y: string, keep: boolean) =>
    c.op(type, [y], { axis: attr.int(axis), keepdims: attr.int(keep ? 1 : 0) });
  const [at] = branch(c, of, ["int64"], () => {
    const missing = c.op("IsNaN", [x]);
    const first = place("ArgMax", c.cast(missing, "float32"), true);
    const found = c.op("GatherElements", [missing, first], { axis: attr.int(axis) });
    const kept = c.op("Where", [found, first, place(onnx, x, true)]);
    return [keepdim ? kept : c.op("Squeeze", [kept, c.ints([axis])])];
  }, () => [place(onnx, x, keepdim)]);
  return at;
}

/** `careful` where there may be a NaN among the values, else `plain`. */
function branch(
  c: LowerContext,
  { x, dtype }: Ordered,
  results: readonly DType[],
  careful: () => string[],
  plain: () => string[],
): string[] {
  if (!c.target.branches) return careful();
  // A sum with a NaN in it is NaN. So is one of opposite infinities, where more care does no harm.
  const sum = c.op("ReduceSum", [dtype === "float16" ? c.cast(x, "float32") : x], {
    keepdims: attr.int(0),
  });
  return c.branch(c.op("IsNaN", [sum]), results, careful, plain);
}
