/**
 * Primitives that take tensors apart and put them together: slice, pad, concat.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { constantNode } from "../graph/leaf.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { batchAll, expand, reshape } from "./movement.ts";

/** Largest number ONNX reads as "to the end" in Slice. */
const END = Number.MAX_SAFE_INTEGER;

/** Static arguments of `slice`: first index, end (exclusive; -1 below zero means "past the start") and step. */
export interface SliceAttrs {
  /** First index of each dimension. */
  readonly starts: Shape;
  /** Number of elements taken along each dimension. */
  readonly sizes: Shape;
  /** Step along each dimension; may be negative. */
  readonly steps: Shape;
}

/** Regular sub-grid of a tensor. */
export const slicePrim: Primitive<SliceAttrs> = definePrimitive<SliceAttrs>({
  name: "slice",
  infer([x], { starts, sizes, steps }) {
    for (let i = 0; i < x.shape.length; i++) {
      const last = starts[i] + (sizes[i] - 1) * steps[i];
      const inside = (k: number) => k >= 0 && k < x.shape[i];
      if (
        sizes[i] < 0 || steps[i] === 0 || (sizes[i] > 0 && !(inside(starts[i]) && inside(last)))
      ) {
        throw new ShapeError(
          `slice: dimension ${i} of ${showShape(x.shape)} has no ${sizes[i]} elements ` +
            `from ${starts[i]} in steps of ${steps[i]}.`,
        );
      }
    }
    return { shape: sizes, dtype: x.dtype };
  },
  lower(c, [x], node) {
    const { starts, sizes, steps } = node.attrs;
    const axes = starts.map((_, i) => i).filter((i) =>
      starts[i] !== 0 || steps[i] !== 1 || sizes[i] !== node.inputs[0].shape[i]
    );
    const ends = axes.map((i) => {
      const end = starts[i] + sizes[i] * steps[i];
      return end < 0 ? -END : end;
    });
    return c.op("Slice", [
      x,
      c.ints(axes.map((i) => starts[i])),
      c.ints(ends),
      c.ints(axes),
      c.ints(axes.map((i) => steps[i])),
    ]);
  },
  vjp: (g, node) => [sliceAdjoint(g, node.inputs[0].shape, node.attrs)],
  batch: ({ attrs: { starts, sizes, steps } }, [x], _batched, size) =>
    slice(x, { starts: [0, ...starts], sizes: [size, ...sizes], steps: [1, ...steps] }),
  simplify(node) {
    const { starts, sizes, steps } = node.attrs;
    const [x] = node.inputs;
    if (sameShape(sizes, x.shape) && starts.every((s) => s === 0) && steps.every((s) => s === 1)) {
      return x;
    }
    if (x.prim === slicePrim) {
      const inner = (x as Node<SliceAttrs>).attrs;
      return slice(x.inputs[0], {
        starts: starts.map((s, i) => inner.starts[i] + s * inner.steps[i]),
        sizes,
        steps: steps.map((s, i) => s * inner.steps[i]),
      });
    }
    return node;
  },
  program: {
    kind: "view",
    view: (node, of) => ({
      dims: node.shape,
      strides: of.strides.map((s, i) => s * node.attrs.steps[i]),
      offset: of.strides.reduce((sum, s, i) => sum + s * node.attrs.starts[i], of.offset),
    }),
  },
});

/** Puts `g` back where a slice took it from, with zeros elsewhere. */
export function sliceAdjoint(g: Node, shape: Shape, { starts, sizes, steps }: SliceAttrs): Node {
  if (sizeOf(sizes) === 0) return expand(constantNode(0, g.dtype), shape);
  const backward = steps.map((_, i) => i).filter((i) => steps[i] < 0);
  let y = backward.length > 0 ? flip(g, backward) : g;
  const low = starts.map((s, i) => steps[i] < 0 ? s + (sizes[i] - 1) * steps[i] : s);
  const step = steps.map(Math.abs);
  if (step.some((s) => s > 1)) y = dilate(y, step);
  return pad(y, low, low.map((l, i) => shape[i] - l - y.shape[i]));
}

/** Spreads elements apart: `steps[i] - 1` zeros between neighbours along dimension i. */
export function dilate(x: Node, steps: Shape): Node {
  // Each stretched dimension d becomes [d, step] with zeros behind, then [d * step], cut at the end.
  const wide: number[] = [], low: number[] = [], high: number[] = [];
  x.shape.forEach((d, i) => {
    wide.push(d, 1);
    low.push(0, 0);
    high.push(0, steps[i] - 1);
  });
  const spread = pad(reshape(x, wide), low, high);
  const full = reshape(spread, x.shape.map((d, i) => d * steps[i]));
  const sizes = x.shape.map((d, i) => d === 0 ? 0 : (d - 1) * steps[i] + 1);
  return slice(full, { starts: sizes.map(() => 0), sizes, steps: sizes.map(() => 1) });
}

/** Static arguments of `pad`. */
export interface PadAttrs {
  /** Elements added before each dimension. */
  readonly low: Shape;
  /** Elements added after each dimension. */
  readonly high: Shape;
  /** What is added. */
  readonly value: number;
}

/** A border of a constant around a tensor. */
export const padPrim: Primitive<PadAttrs> = definePrimitive<PadAttrs>({
  name: "pad",
  infer([x], { low, high }) {
    if (low.length !== x.shape.length || [...low, ...high].some((n) => n < 0)) {
      throw new ShapeError(
        `pad: borders ${showShape(low)} and ${showShape(high)} do not fit ${showShape(x.shape)}; ` +
          `give a count >= 0 for both sides of each dimension (slice() crops).`,
      );
    }
    return { shape: x.shape.map((d, i) => d + low[i] + high[i]), dtype: x.dtype };
  },
  lower(c, [x], node) {
    const { low, high, value } = node.attrs;
    if (node.dtype === "bool") throw new DTypeError("pad: bool is not supported; cast to uint8.");
    return c.op("Pad", [x, c.ints([...low, ...high]), c.scalar(node.dtype, value)]);
  },
  vjp(g, node) {
    const { low } = node.attrs, sizes = node.inputs[0].shape;
    return [slice(g, { starts: low, sizes, steps: sizes.map(() => 1) })];
  },
  batch: ({ attrs: { low, high, value } }, [x]) => pad(x, [0, ...low], [0, ...high], value),
  simplify: (node) =>
    node.attrs.low.every((n) => n === 0) && node.attrs.high.every((n) => n === 0)
      ? node.inputs[0]
      : node,
});

/** Tensors one after another along an axis. */
export const concatPrim: Primitive<{ axis: number }> = definePrimitive<{ axis: number }>({
  name: "concat",
  infer(inputs, { axis }) {
    if (inputs.length === 0) throw new ShapeError("concat: got no tensors; give at least one.");
    const first = inputs[0];
    const shape = [...first.shape];
    for (const x of inputs.slice(1)) {
      if (x.dtype !== first.dtype) {
        throw new DTypeError(`concat: got ${first.dtype} and ${x.dtype}; convert to one dtype.`);
      }
      if (
        x.shape.length !== shape.length ||
        x.shape.some((d, i) => i !== axis && d !== first.shape[i])
      ) {
        throw new ShapeError(
          `concat: shapes ${showShape(first.shape)} and ${showShape(x.shape)} differ ` +
            `outside dimension ${axis}.`,
        );
      }
      shape[axis] += x.shape[axis];
    }
    return { shape, dtype: first.dtype };
  },
  lower: (c, inputs, node) => c.op("Concat", inputs, { axis: attr.int(node.attrs.axis) }),
  vjp(g, node, needs) {
    const { axis } = node.attrs;
    let at = 0;
    return node.inputs.map((x, i) => {
      const from = at;
      at += x.shape[axis];
      return needs[i] ? narrow(g, axis, from, x.shape[axis]) : null;
    });
  },
  batch: (node, xs, batched, size) => concat(batchAll(xs, batched, size), node.attrs.axis + 1),
  simplify: (node) =>
    node.inputs.length === 1
      ? node.inputs[0]
      : node.inputs.length > WIDEST
      ? concat(groupsOf(node.inputs).map((xs) => concat(xs, node.attrs.axis)), node.attrs.axis)
      : node,
});

/** Operands of one ONNX node: a session's time to make grows with their square. */
const WIDEST = 256;

function groupsOf(xs: readonly Node[]): Node[][] {
  const groups: Node[][] = [];
  for (let i = 0; i < xs.length; i += WIDEST) groups.push(xs.slice(i, i + WIDEST));
  return groups;
}

/** Regular sub-grid. */
export function slice(x: Node, attrs: SliceAttrs): Node {
  return apply(slicePrim, [x], attrs);
}
/** `size` elements of one axis from `start`. */
export function narrow(x: Node, axis: number, start: number, size: number): Node {
  return slice(x, {
    starts: x.shape.map((_, i) => i === axis ? start : 0),
    sizes: x.shape.map((d, i) => i === axis ? size : d),
    steps: x.shape.map(() => 1),
  });
}
/** Reversed order along axes. */
export function flip(x: Node, axes: Shape): Node {
  if (sizeOf(x.shape) === 0) return x;
  return slice(x, {
    starts: x.shape.map((d, i) => axes.includes(i) ? d - 1 : 0),
    sizes: x.shape,
    steps: x.shape.map((_, i) => axes.includes(i) ? -1 : 1),
  });
}
/** A border of a constant. */
export function pad(x: Node, low: Shape, high: Shape, value = 0): Node {
  return apply(padPrim, [x], { low, high, value });
}
/** Tensors one after another. */
export function concat(inputs: readonly Node[], axis: number): Node {
  return apply(concatPrim, inputs, { axis });
}
