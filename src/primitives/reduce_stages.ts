/**
 * How a reduction becomes ONNX nodes.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import type { LowerContext } from "../graph/lower_context.ts";
import type { Aval } from "../graph/node.ts";
import { reducedShape, type Shape, sizeOf } from "../graph/shape.ts";
import type { DType } from "../runtime/mod.ts";
import { byHalves, lowerRuns } from "./whole_reduce.ts";

/** ONNX's reductions, and what each does with two elements. */
const HALVES = {
  ReduceMax: byHalves("Max"),
  ReduceMin: byHalves("Min"),
  ReduceProd: byHalves("Mul"),
  ReduceSum: byHalves("Add"),
} as const;

/** A reduction of ONNX. */
export type Reduction = keyof typeof HALVES;

/**
 * Numbers that ONNX Runtime may add to one sum one after another: each addition rounds, and numbers of
 * equal sign round into one direction. Along contiguous memory it adds in eight sums side by side.
 */
const DEPTH = 128, CONTIGUOUS_DEPTH = 8 * DEPTH;

/** Parts of which a dimension is cut so that they are equal; with fewer, the rest is cut off. */
const FEWEST = 8;

/** Neighbouring dimensions that are all reduced, or all kept, as one. */
interface Run {
  readonly size: number;
  readonly reduced: boolean;
}

/** A shape as runs in turn; dimensions of one element belong to any of them. */
function runsOf(shape: Shape, axes: Shape): Run[] {
  const runs: Run[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const reduced = axes.includes(i), last = runs[runs.length - 1];
    if (last?.reduced === reduced) runs[runs.length - 1] = { size: last.size * size, reduced };
    else runs.push({ size, reduced });
  });
  return runs;
}

/** Largest divisor of `n` up to `limit`. */
export function divisor(n: number, limit: number): number {
  let d = Math.min(n, limit);
  while (n % d !== 0) d--;
  return d;
}

function reduceNode(c: LowerContext, onnx: string, x: string, axes: Shape, keepdim: boolean) {
  return c.op(onnx, [x, c.ints(axes)], {
    keepdims: attr.int(keepdim ? 1 : 0),
    noop_with_empty_axes: attr.int(1),
  });
}

/** Axes by neighbourhood: sets that dimensions which stay, of more than one element, separate. */
function neighbours(shape: Shape, axes: Shape): { sets: number[][]; alternations: number } {
  const sets: number[][] = [[]];
  let alternations = 0, before: boolean | null = null, found = false;
  shape.forEach((size, i) => {
    const reduced = axes.includes(i);
    if (size !== 1 && reduced !== before) {
      alternations++;
      if (reduced && found) sets.push([]);
      found ||= reduced;
      before = reduced;
    }
    if (reduced) sets[sets.length - 1].push(i);
  });
  return { sets, alternations };
}

/**
 * A reduction as one ONNX node, or several. ONNX Runtime has fast kernels for up to three alternations
 * of reduced and other dimensions. A sum of [4, 5, 64, 28, 28] to [4, 64], which is batch norm under
 * vmap, takes a quarter of the time in two nodes.
 */
export function lowerReduce(
  c: LowerContext,
  onnx: Reduction,
  x: string,
  { dtype, shape }: Aval,
  axes: Shape,
  keepdim: boolean,
): string {
  if (!c.target.substitutes && sizeOf(shape) > 0) {
    const result = reducedShape(shape, axes, keepdim);
    if (!c.target.has(onnx, dtype)) return pairwise(c, onnx, x, { dtype, shape }, axes, result);
    if (onnx === "ReduceSum" && !c.target.sumsAnywhere) {
      return sumAtEnds(c, x, runsOf(shape, axes), result);
    }
  }
  const { sets, alternations } = neighbours(shape, axes);
  // From the back, so that the other axes keep their places.
  return (alternations > 3 ? sets.reverse() : [axes])
    .reduce((y, some) => reduceNode(c, onnx, y, some, keepdim), x);
}

/** A reduction that the device has no kernel for. */
function pairwise(
  c: LowerContext,
  onnx: Reduction,
  x: string,
  { dtype, shape }: Aval,
  axes: Shape,
  result: Shape,
): string {
  // Bytes cannot be added or compared where there is no kernel to reduce them.
  const wide = dtype === "uint8" ? "int32" : dtype, of = { dtype: wide, shape } as const;
  const y = lowerRuns(c, wide === dtype ? x : c.cast(x, wide), of, axes, result, HALVES[onnx]);
  return wide === dtype ? y : c.cast(y, dtype);
}

/** A sum by nodes that reduce the first dimensions, or the last ones. */
function sumAtEnds(c: LowerContext, x: string, runs: readonly Run[], result: Shape): string {
  const left = [...runs],
    sum = (y: string, axis: number) => reduceNode(c, "ReduceSum", y, [axis], false);
  let y = c.op("Reshape", [x, c.ints(runs.map((r) => r.size))]);
  if (left.length > 0 && left[left.length - 1].reduced) {
    y = sum(y, left.length - 1);
    left.pop();
  }
  if (left.length > 0 && left[0].reduced) {
    y = sum(y, 0);
    left.shift();
  }
  const places = left.map((_, i) => i), kept = places.filter((i) => !left[i].reduced);
  if (kept.length < left.length) {
    const order = [...kept, ...places.filter((i) => left[i].reduced)];
    const behind = c.op("Transpose", [y], { perm: attr.ints(order) });
    y = reduceNode(
      c,
      "ReduceSum",
      behind,
      order.slice(kept.length).map((_, i) => kept.length + i),
      false,
    );
  }
  return c.op("Reshape", [y, c.ints(result)]);
}

const limitOf = (runs: readonly Run[], i: number) =>
  i === runs.length - 1 ? CONTIGUOUS_DEPTH : DEPTH;

/** Which run is longer than what may be added at a time, or -1. */
function longRun(runs: readonly Run[]): number {
  return runs.findIndex(({ size, reduced }, i) => reduced && size > limitOf(runs, i));
}

/** Whether a sum is long enough for its rounding errors to matter. */
export function isLongSum(shape: Shape, axes: Shape): boolean {
  return longRun(runsOf(shape, axes)) >= 0;
}

/** The sum in stages of few additions each, as a tensor of the kept runs. */
function stages(c: LowerContext, x: string, dtype: DType, runs: readonly Run[]): string {
  const sizes = runs.map((r) => r.size), at = longRun(runs);
  const viewed = (shape: Shape) => c.op("Reshape", [x, c.ints(shape)]);
  if (at < 0) {
    const axes = runs.flatMap((r, i) => r.reduced ? [i] : []);
    return lowerReduce(c, "ReduceSum", viewed(sizes), { dtype, shape: sizes }, axes, false);
  }
  const { size } = runs[at], limit = limitOf(runs, at);
  const part = divisor(size, limit);
  const cut = (n: number) => runs.map((r, i) => i === at ? { ...r, size: n } : r);
  if (part < FEWEST) {
    const head = size - size % limit, whole = viewed(sizes);
    const slice = (from: number, to: number) =>
      c.op("Slice", [whole, c.ints([from]), c.ints([to]), c.ints([at])]);
    return c.op("Add", [
      stages(c, slice(0, head), dtype, cut(head)),
      stages(c, slice(head, size), dtype, cut(size - head)),
    ]);
  }
  // Where elements lie one after another, parts of them are added; else whole rows are.
  const inner = at === runs.length - 1;
  const pair = inner ? [size / part, part] : [part, size / part];
  const shape = [...sizes.slice(0, at), ...pair, ...sizes.slice(at + 1)];
  const axes = [inner ? at + 1 : at];
  const y = lowerReduce(c, "ReduceSum", viewed(shape), { dtype, shape }, axes, false);
  return stages(c, y, dtype, cut(size / part));
}

/**
 * A long sum of floating point in stages, each of which adds few numbers: the error grows with the
 * logarithm of the length. A million equal float32 numbers added one after another lose a percent.
 */
export function lowerLongSum(
  c: LowerContext,
  x: string,
  { dtype, shape }: Aval,
  axes: Shape,
  result: Shape,
): string {
  return c.op("Reshape", [stages(c, x, dtype, runsOf(shape, axes)), c.ints(result)]);
}
