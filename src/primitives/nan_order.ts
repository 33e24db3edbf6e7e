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
import type { Shape } from "../graph/shape.ts";
import { lowerReduce } from "./reduce_stages.ts";

/** What an order works on. */
export interface Ordered {
  /** Name of the values. */
  readonly x: string;
  /** Their type. */
  readonly dtype: DType;
  /** Axis of the order. */
  readonly axis: number;
  /** Their shape. */
  readonly shape: Shape;
}

/** Above all numbers of float32 and float16, below infinity. */
const BELOW_INFINITY = 1e300;

/** The k largest or smallest along an axis, in order, and their places; equals keep their order. */
export function ordered(c: LowerContext, of: Ordered, k: number, largest: boolean): string[] {
  const { x, dtype, axis } = of, size = of.shape[axis];
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
  { x, dtype, axis, shape }: Ordered,
  missing: string,
  top: (keys: string, count: number) => string[],
  k: number,
  largest: boolean,
): string {
  const number = (value: number) => c.scalar("float32", value), size = shape[axis];
  const isAt = (end: number) => c.op("Equal", [x, c.scalar(dtype, end)]);
  const low = c.op("Where", [isAt(-Infinity), number(-1), number(0)]);
  const ends = c.op("Where", [isAt(Infinity), number(1), low]);
  const marks = c.op("Where", [missing, number(2), ends]);
  const isFinite = c.op("Equal", [marks, number(0)]);
  const [, first] = top(c.op("Where", [isFinite, x, c.scalar(dtype, 0)]), size);
  const along = { axis: attr.int(axis) };
  const order = places(c, "float32", shape, axis);
  const beyond = c.op("Mul", [c.op("GatherElements", [marks, first], along), number(size)]);
  const keys = c.op(largest ? "Sub" : "Add", [beyond, order]);
  return c.op("GatherElements", [first, top(keys, k)[1]], along);
}

/** Numbers of the places along an axis, in a shape that goes with `shape`. */
function places(c: LowerContext, dtype: DType, shape: Shape, axis: number): string {
  const along = shape.map((size, i) => i === axis ? size : 1);
  return c.constant(dtype, along, Array.from({ length: shape[axis] }, (_, i) => i));
}

/** Place of the first extremum along an axis, int64. Where there is a NaN, it may be any place, and none. */
export function firstExtremum(
  c: LowerContext,
  onnx: "ArgMax" | "ArgMin",
  { x, dtype, axis, shape }: Ordered,
  keepdim: boolean,
): string {
  if (c.target.has(onnx, dtype) || c.target.substitutes) {
    return c.op(onnx, [x], { axis: attr.int(axis), keepdims: attr.int(keepdim ? 1 : 0) });
  }
  // Equality has no kernel for bytes where these have none.
  const [y, type] = dtype === "uint8" ? [c.cast(x, "int32"), "int32" as const] : [x, dtype];
  const reduction = onnx === "ArgMax" ? "ReduceMax" : "ReduceMin";
  const best = lowerReduce(c, reduction, y, { dtype: type, shape }, [axis], true);
  const none = c.scalar("int64", shape[axis]);
  const at = c.op("Where", [c.op("Equal", [y, best]), places(c, "int64", shape, axis), none]);
  return lowerReduce(c, "ReduceMin", at, { dtype: "int64", shape }, [axis], keepdim);
}

/** Place of the first NaN along an axis, else of the extremum that `onnx` finds. */
export function extremumPlace(
  c: LowerContext,
  onnx: "ArgMax" | "ArgMin",
  of: Ordered,
  keepdim: boolean,
): string {
  const { x, axis } = of;
  const [at] = branch(c, of, ["int64"], () => {
    const missing = c.op("IsNaN", [x]);
    const marks = { ...of, x: c.cast(missing, "float32"), dtype: "float32" } as const;
    const first = firstExtremum(c, "ArgMax", marks, true);
    const found = c.op("GatherElements", [missing, first], { axis: attr.int(axis) });
    const kept = c.op("Where", [found, first, firstExtremum(c, onnx, of, true)]);
    return [keepdim ? kept : c.op("Squeeze", [kept, c.ints([axis])])];
  }, () => [firstExtremum(c, onnx, of, keepdim)]);
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
