/** Values of the reference, and what they were made of. */

import type { Ref } from "./tape.ts";
import type { Value } from "./value.ts";

/** Sizes of the dimensions. */
export type Shape = readonly number[];
/** Cotangents of the operands, given that of the result. */
export type Pull = (g: Ref) => (Ref | null)[];

/** Holder of a gradient, shared by a leaf and the leaves that replace it. */
export interface Box {
  grad: Ref | null;
  hooks?: ((g: Value) => Value)[];
  /** Whether recording is switched off for the leaf: gradients do not reach it then. */
  frozen: boolean;
}

let recording = true;
let serial = 0;

/** All holders of gradients that were made; the reference of `compile()` looks into them. */
export const boxes: Set<Box> = new Set();

/** Handles that were made to stand for other values while this is an array. */
export const rebound: { list: Ref[] | null } = { list: null };

/** Runs `fn` with recording on or off. */
export function withRecording<T>(on: boolean, fn: () => T): T {
  const before = recording;
  recording = on;
  try {
    return fn();
  } finally {
    recording = before;
  }
}

/** Whether operations are recorded. */
export function isRecording(): boolean {
  return recording;
}

/** One value, and what it was made of. */
export class Cell {
  readonly id = ++serial;
  readonly data: Float64Array;
  readonly shape: Shape;
  readonly operands: readonly Cell[];
  pull: Pull | null;
  requiresGrad: boolean;
  box: Box | null = null;
  hooks: ((g: Value) => Value)[] = [];
  /** The value that took its place in memory. */
  next: Cell | null = null;
  /** Whether it was read, so that it no longer needs its operands. */
  known = false;

  constructor(
    data: Float64Array,
    shape: Shape,
    operands: readonly Cell[] = [],
    pull: Pull | null = null,
    requiresGrad = false,
  ) {
    this.data = data;
    this.shape = shape;
    this.operands = operands;
    this.pull = pull;
    this.requiresGrad = requiresGrad;
  }
}

/** Number of elements. */
export const sizeOf = (shape: Shape) => shape.reduce((a, b) => a * b, 1);

/** A leaf: a value that nothing is recorded about. */
export function leaf(data: Float64Array, shape: Shape, box: Box | null, from: Cell[] = []): Cell {
  const cell = new Cell(data, shape, from, null, box !== null && !box.frozen);
  cell.box = box;
  return cell;
}

/** The shape that two shapes broadcast to. */
export function broadcast(a: Shape, b: Shape): number[] {
  const n = Math.max(a.length, b.length), out: number[] = [];
  for (let i = 0; i < n; i++) {
    out.push(Math.max(a[a.length - n + i] ?? 1, b[b.length - n + i] ?? 1));
  }
  return out;
}

/** The place in an array of `shape` of each element of `out`, to which it broadcasts. */
export function places(shape: Shape, out: Shape): Int32Array {
  const result = new Int32Array(sizeOf(out)), strides = new Array(out.length).fill(0);
  for (let i = shape.length - 1, stride = 1; i >= 0; i--) {
    if (shape[i] !== 1) strides[out.length - shape.length + i] = stride;
    stride *= shape[i];
  }
  for (let k = 0; k < result.length; k++) {
    let rest = k, at = 0;
    for (let i = out.length - 1; i >= 0; i--) {
      at += (rest % out[i]) * strides[i];
      rest = Math.floor(rest / out[i]);
    }
    result[k] = at;
  }
  return result;
}
