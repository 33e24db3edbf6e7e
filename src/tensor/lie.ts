/**
 * How a view lies in the tensor it was taken from: the steps that lead to it, forwards to read and
 * backwards to write.
 *
 * @module
 */

import { constantNode } from "../graph/leaf.ts";
import { isMoving, noteSlice } from "../graph/moving_slices.ts";
import { apply, type Attrs, type Node, type Primitive } from "../graph/node.ts";
import { contiguousStrides, sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { cast } from "../primitives/elementwise.ts";
import * as m from "../primitives/movement.ts";
import { where } from "./formulas/basic.ts";
import { unfold } from "./formulas/rearrange.ts";
import { beforeMove, byPlace, readAt, writeAt } from "./moving.ts";

/** A step of its own, since windows are built from many nodes. */
export interface Windows {
  readonly axis: number;
  readonly size: number;
  readonly step: number;
}

/** The last of the steps that lead to a view; null for the tensor itself. */
export class Lie {
  /** The step before. */
  readonly of: Lie | null;
  /** What the step does; null for windows. */
  readonly prim: Primitive | null;
  /** Its static arguments. */
  readonly attrs: Attrs;
  /** Shape of what the step starts from. */
  readonly from: Shape;
  /** Shape of the view. */
  readonly shape: Shape;
  /** Number of steps. */
  readonly depth: number;
  /** Whether derivatives stop on the way. */
  readonly detached: boolean;
  /** Whether it is the whole in its own order. */
  readonly plain: boolean;

  /** Use `follow`. */
  constructor(
    of: Lie | null,
    prim: Primitive | null,
    attrs: Attrs,
    from: Shape,
    shape: Shape,
  ) {
    this.of = of;
    this.prim = prim;
    this.attrs = attrs;
    this.from = from;
    this.shape = shape;
    this.depth = of === null ? 1 : of.depth + 1;
    this.detached = prim === m.detachPrim || (of !== null && of.detached);
    this.plain = (prim === m.reshapePrim || prim === m.detachPrim) && (of === null || of.plain);
  }
}

/** Chains longer than this are shortened where neighbours make one step. */
const LONG = 8;

/** The way on to `node`, which is made from the view `x` by primitives that move elements, or windows. */
export function follow(of: Lie | null, x: Node, node: Node, windows?: Windows): Lie | null {
  const lie = windows === undefined
    ? steps(of, x, node)
    : new Lie(of, null, windows, x.shape, node.shape);
  // What is made without recording has no history.
  return x.requiresGrad && !node.requiresGrad ? cutOff(lie, node) : lie;
}

/** The way on to the same value without its history. */
export function cutOff(of: Lie | null, { shape }: Node): Lie {
  return of?.detached ? of : new Lie(of, m.detachPrim, null, shape, shape);
}

function steps(of: Lie | null, x: Node, node: Node): Lie | null {
  if (node === x) return of;
  const below = node.inputs[0], before = steps(of, x, below);
  const step = new Lie(before, node.prim, node.attrs, below.shape, node.shape);
  return before !== null && step.depth > LONG ? shorter(step, before) : step;
}

/** Two steps as one, or as none. */
function shorter(step: Lie, before: Lie): Lie | null {
  if (step.prim !== before.prim) return step;
  const { of, from } = before;
  switch (step.prim) {
    case m.reshapePrim:
      if (of !== null && sameShape(from, step.shape)) return of;
      return new Lie(of, step.prim, step.attrs, from, step.shape);
    case m.expandPrim:
      return new Lie(of, step.prim, step.attrs, from, step.shape);
    case m.permutePrim: {
      const perm = step.attrs.perm.map((p: number) => before.attrs.perm[p]);
      if (of !== null && perm.every((p: number, i: number) => p === i)) return of;
      return new Lie(of, step.prim, { perm }, from, step.shape);
    }
    case m.slicePrim: {
      const inner = before.attrs as m.SliceAttrs, outer = step.attrs as m.SliceAttrs;
      const attrs = {
        starts: outer.starts.map((s, i) => inner.starts[i] + s * inner.steps[i]),
        sizes: outer.sizes,
        steps: outer.steps.map((s, i) => s * inner.steps[i]),
      };
      return new Lie(of, step.prim, attrs, from, step.shape);
    }
    case m.detachPrim:
      return before;
  }
  return step;
}

/** The steps, first one first. */
function path(lie: Lie | null): Lie[] {
  const list: Lie[] = [];
  for (let l = lie; l !== null; l = l.of) list.push(l);
  return list.reverse();
}

function forward(step: Lie, x: Node): Node {
  if (step.prim === null) return unfold(x, step.attrs.axis, step.attrs.size, step.attrs.step);
  if (step.prim === m.detachPrim) return m.detach(x);
  return byPlace(apply(step.prim, [x], step.attrs));
}

/** What lies there in `root`. */
export function read(lie: Lie | null, root: Node): Node {
  return path(lie).reduce((x, step) => forward(step, x), root);
}

/**
 * `root` with `value` written there. `op` names the method in errors; null says that elements which
 * share a place are equal.
 */
export function write(op: string | null, lie: Lie | null, root: Node, value: Node): Node {
  const list = path(lie), passed = [root];
  for (const step of list.slice(0, -1)) passed.push(forward(step, passed.at(-1)!));
  for (let i = list.length - 1; i >= 0; i--) value = backward(op, list[i], passed[i], value);
  return value;
}

/** `x` with `value` in place of what a step gives of it. */
function backward(op: string | null, step: Lie, x: Node, value: Node): Node {
  switch (step.prim) {
    case m.detachPrim:
      return value;
    case m.reshapePrim:
      return m.reshape(value, x.shape);
    case m.permutePrim:
      return m.permute(value, m.inversePerm(step.attrs.perm));
    case m.expandPrim:
      if (sizeOf(value.shape) === sizeOf(x.shape)) return m.reshape(value, x.shape);
      return m.reshape(op === null ? first(value, x) : repeated(op, step, value, x), x.shape);
    case m.slicePrim:
      return replaced(x, value, step.attrs);
    case null:
      return windows(op, step, x, value);
  }
  throw new Error(`internal: ${step.prim!.name} makes no view`);
}

/** The first of the elements that repeat each element of `x`. */
function first(value: Node, { shape }: Node): Node {
  const skip = value.shape.length - shape.length;
  const sizes = value.shape.map((_, i) => i < skip ? 1 : shape[i - skip]);
  return m.slice(value, { starts: sizes.map(() => 0), sizes, steps: sizes.map(() => 1) });
}

/** The one number that a value consists of, as a whole; else a place would be written twice. */
function repeated(op: string, step: Lie, value: Node, { shape }: { shape: Shape }): Node {
  let n = value;
  while (n.storage === null && rearranging.has(n.prim)) n = n.inputs[0];
  if (sizeOf(n.shape) === 1) return m.expand(m.reshape(n, []), shape);
  throw new TypeError(
    `${op}: the tensor is a view of ${showShape(step.from)} that repeats elements ` +
      `(${
        showShape(step.shape)
      }, by expand() or overlapping windows), so that one place would get ` +
      `several values. Change the tensor it was taken from, or a clone().`,
  );
}

const rearranging: ReadonlySet<Primitive> = new Set<Primitive>([
  m.aliasPrim,
  m.expandPrim,
  m.permutePrim,
  m.reshapePrim,
  m.slicePrim,
]);

function windows(op: string | null, step: Lie, x: Node, value: Node): Node {
  const { axis, size, step: apart } = step.attrs as Windows, count = step.shape[axis];
  if (op !== null && size > apart && count > 1) {
    const length = (count - 1) * apart + size;
    const shape = x.shape.map((d, i) => i === axis ? length : d);
    return block(x, repeated(op, step, value, { shape }), shape.map(() => 0));
  }
  for (let k = 0; k < size; k++) {
    const column = m.narrow(value, value.shape.length - 1, k, 1);
    const shape = column.shape.slice(0, -1);
    const starts = x.shape.map((_, i) => i === axis ? k : 0);
    const by = x.shape.map((_, i) => i === axis ? apart : 1);
    x = replaced(x, m.reshape(column, shape), { starts, sizes: shape, steps: by });
  }
  return x;
}

/** `x` with `value` at the places of a slice. */
function replaced(x: Node, value: Node, { starts, sizes, steps }: m.SliceAttrs): Node {
  if (sizeOf(sizes) === 0) return x;
  const step = steps.map((s, i) => sizes[i] === 1 ? 1 : s);
  const backward = step.map((_, i) => i).filter((i) => step[i] < 0);
  if (step.every((s) => s === 1 || s === -1)) {
    const low = starts.map((s, i) => step[i] < 0 ? s - sizes[i] + 1 : s);
    const forwards = backward.length > 0 ? m.flip(value, backward) : value;
    const place = { starts: low, sizes, steps: sizes.map(() => 1) };
    noteSlice(x.shape, place);
    return block(x, forwards, low, isMoving(x.shape, place));
  }
  // Places between those of the slice stay: a mask says which are which.
  const attrs = { starts, sizes, steps: step };
  const narrow = x.dtype === "bool" ? cast(value, "uint8") : value;
  const ones = m.expand(constantNode(1, "uint8"), sizes);
  const mask = cast(m.sliceAdjoint(ones, x.shape, attrs), "bool");
  return where(mask, cast(m.sliceAdjoint(narrow, x.shape, attrs), x.dtype), x);
}

/** `x` with a block of it replaced, dimension by dimension; `moving` where its place is data. */
function block(x: Node, value: Node, low: Shape, moving = false): Node {
  const axis = x.shape.findIndex((d, i) => d !== value.shape[i]);
  if (axis < 0) return value;
  const n = value.shape[axis], end = low[axis] + n, rest = low.map((l, i) => i === axis ? 0 : l);
  if (moving) {
    return writeAt(x, axis, low[axis], block(readAt(x, axis, low[axis], n), value, rest, true));
  }
  const parts = [
    block(m.narrow(x, axis, low[axis], n), value, rest),
  ];
  if (low[axis] > 0) parts.unshift(m.narrow(x, axis, 0, low[axis]));
  if (end < x.shape[axis]) parts.push(m.narrow(x, axis, end, x.shape[axis] - end));
  return m.concat(parts, axis);
}

/**
 * The node from which `node` was made by these steps; null where that is not known any more, since a
 * node that was computed has let go of its operands.
 */
export function origin(lie: Lie | null, node: Node, shape: Shape): Node | null {
  let n = node;
  for (let l = lie; l !== null; l = l.of) {
    // Of a value without derivatives, detach() makes no node.
    if (l.prim === m.detachPrim && n.prim !== l.prim) continue;
    const moved = l.prim === m.slicePrim && n.prim !== l.prim;
    if (!moved && (n.prim !== l.prim || n.inputs.length === 0 || !sameStep(n, l))) return null;
    const before = moved ? beforeMove(n, l.from, l.attrs) : n.inputs[0];
    if (before === null) return null;
    n = before;
  }
  return sameShape(n.shape, shape) ? n : null;
}

function sameStep(n: Node, l: Lie): boolean {
  return n.attrs === l.attrs && sameShape(n.inputs[0].shape, l.from);
}

// -------------------------------------------------------------- order in memory

/** How PyTorch would walk the memory of the tensor to read the view; null where it cannot. */
interface Walk {
  readonly dims: Shape;
  readonly strides: Shape;
}

/** The walk that a view of a tensor in row-major order is; null for windows and the like. */
function walkOf(lie: Lie): Walk | null {
  const list = path(lie), [first] = list;
  let walk: Walk | null = { dims: first.from, strides: contiguousStrides(first.from) };
  for (const step of list) {
    if (walk === null) return null;
    walk = stepped(walk, step);
  }
  return walk;
}

function stepped({ dims, strides }: Walk, { prim, attrs, shape }: Lie): Walk | null {
  switch (prim) {
    case m.detachPrim:
      return { dims, strides };
    case m.permutePrim:
      return { dims: shape, strides: attrs.perm.map((p: number) => strides[p]) };
    case m.slicePrim:
      return { dims: shape, strides: strides.map((s, i) => s * attrs.steps[i]) };
    case m.expandPrim: {
      const skip = shape.length - dims.length;
      const own = (i: number) => i < skip || dims[i - skip] !== shape[i];
      return { dims: shape, strides: shape.map((_, i) => own(i) ? 0 : strides[i - skip]) };
    }
    case m.reshapePrim:
      return reshaped({ dims, strides }, shape);
  }
  return null;
}

/** A walk in the same order under another shape, where one with fixed strides exists. */
function reshaped({ dims, strides }: Walk, shape: Shape): Walk | null {
  if (sizeOf(shape) === 0) return { dims: shape, strides: contiguousStrides(shape) };
  const out = new Array<number>(shape.length);
  let to = shape.length - 1, block = 1, filled = 1;
  let base = dims.length > 0 ? strides[dims.length - 1] : 1;
  // Dimensions that follow each other in memory form blocks; each takes whole new dimensions.
  for (let i = dims.length - 1; i >= 0; i--) {
    block *= dims[i];
    const joins = i > 0 && (dims[i - 1] === 1 || strides[i - 1] === block * base);
    if (joins) continue;
    while (to >= 0 && (filled < block || shape[to] === 1)) {
      out[to] = filled * base;
      filled *= shape[to--];
    }
    if (filled !== block) return null;
    if (i > 0) [base, block, filled] = [strides[i - 1], 1, 1];
  }
  while (to >= 0) out[to--] = 1;
  return { dims: shape, strides: out };
}

/** Whether a tensor that lies so can get another shape without a copy. */
export function isViewable(lie: Lie | null, shape: Shape): boolean {
  if (lie === null || lie.plain) return true;
  const walk = walkOf(lie);
  return walk !== null && reshaped(walk, shape) !== null;
}

/** Whether elements that lie so follow each other in memory. */
export function isContiguous(lie: Lie | null): boolean {
  if (lie === null || lie.plain) return true;
  const walk = walkOf(lie);
  if (walk === null) return false;
  const want = contiguousStrides(walk.dims);
  return walk.dims.every((d, i) => d === 1 || walk.strides[i] === want[i]);
}
