/**
 * Shape arithmetic: sizes, broadcasting, axes and strides.
 *
 * @module
 */

import { ShapeError } from "./errors.ts";

/** Sizes of the dimensions, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i];
  return n;
}

/** Whether two shapes are equal. */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** `[2, 3]` for messages. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** The common shape under NumPy's rule; throws a ShapeError that names `op` otherwise. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const x = i <= a.length ? a[a.length - i] : 1;
    const y = i <= b.length ? b[b.length - i] : 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${op}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast: ` +
          `dimension ${-i} is ${x} against ${y}. Sizes must be equal or 1; ` +
          `reshape() or unsqueeze() one operand so that its dimensions line up from the right.`,
      );
    }
    out[rank - i] = x === 1 ? y : x;
  }
  return out;
}

/** An axis counted from the front; throws a RangeError that names `op` when out of range. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const r = Math.max(rank, 1); // a scalar accepts 0 and -1, as in PyTorch
  if (!Number.isInteger(axis) || axis < -r || axis >= r) {
    throw new RangeError(
      `${op}: dim ${axis} is out of range for a tensor of ${rank} dimension(s); ` +
        `it must be an integer from ${-r} to ${r - 1}.`,
    );
  }
  return axis < 0 ? axis + r : axis;
}

/** Sorted axes counted from the front; `undefined` or `null` means all. Duplicates are an error. */
export function normalizeAxes(
  op: string,
  axes: number | readonly number[] | null | undefined,
  rank: number,
): number[] {
  if (axes === null || axes === undefined) {
    const all: number[] = [];
    for (let i = 0; i < rank; i++) all.push(i);
    return all;
  }
  const list = typeof axes === "number" ? [axes] : axes;
  if (!Array.isArray(list)) {
    throw new TypeError(
      `${op}: dim is ${typeof list}, wants a number or an array of them; options come after it.`,
    );
  }
  const out = list.map((a) => normalizeAxis(op, a, rank));
  if (rank === 0) return [];
  out.sort((x, y) => x - y);
  for (let i = 1; i < out.length; i++) {
    if (out[i] === out[i - 1]) {
      throw new RangeError(`${op}: dim ${out[i]} appears twice in ${showShape(list)}.`);
    }
  }
  return out;
}

/** The shape that is left when `axes` (normalised) are reduced. */
export function reducedShape(shape: Shape, axes: Shape, keepdim: boolean): number[] {
  const out: number[] = [];
  for (let i = 0; i < shape.length; i++) {
    if (!axes.includes(i)) out.push(shape[i]);
    else if (keepdim) out.push(1);
  }
  return out;
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const out = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    out[i] = step;
    step *= shape[i];
  }
  return out;
}

/** Throws unless it is an array and every size a whole number, zero or more. */
export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape)) {
    throw new TypeError(`${op}: the shape is ${String(shape)}, wants an array such as [2, 3].`);
  }
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0) {
      throw new RangeError(
        `${op}: a shape holds whole numbers >= 0, got ${showShape(shape)}.`,
      );
    }
  }
}
