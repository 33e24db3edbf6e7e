/**
 * Convolution over any number of spatial dimensions as three bilinear primitives. The derivative of
 * each is made of the other two, so derivatives of every order exist.
 *
 * Shapes: x [N, C, ...sizes], weight [O, C / groups, ...kernel], result [N, O, ...out].
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { apply, definePrimitive, isFloat, type Node, type Primitive } from "../graph/node.ts";
import { sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { num } from "./elementwise.ts";
import { dot } from "./matmul.ts";
import {
  batchAll,
  concat,
  dilate,
  expand,
  flip,
  pad,
  permute,
  reshape,
  slice,
} from "./movement.ts";
import {
  asRows,
  channelsFirst,
  convProduct,
  hasKernels,
  inputGradProduct,
  isProduct,
  weightGradProduct,
} from "./conv_product.ts";
import {
  type ConvAttrs,
  type ConvInputGradAttrs,
  convShape,
  type ConvWeightGradAttrs,
  extent,
} from "./conv_shape.ts";

function checkTypes(op: string, a: Node, b: Node): void {
  if (a.dtype !== b.dtype || !isFloat(a.dtype)) {
    throw new DTypeError(
      `${op}: got ${a.dtype} and ${b.dtype}, wants two floating-point tensors of one type; ` +
        `convert one with to("float32").`,
    );
  }
}

function checkResult(op: string, g: Node, wanted: Shape): void {
  if (!sameShape(g.shape, wanted)) {
    throw new ShapeError(
      `${op}: got ${showShape(g.shape)} where a convolution of these sizes gives ` +
        `${showShape(wanted)}; the two must be equal.`,
    );
  }
}

const onnxAttributes = (a: ConvAttrs) => ({
  strides: attr.ints(a.strides),
  dilations: attr.ints(a.dilations),
  pads: attr.ints([...a.low, ...a.high]),
  group: attr.int(a.groups),
});

/** Convolution (cross-correlation, as in all deep-learning libraries). Inputs: x, weight. */
export const convPrim: Primitive<ConvAttrs> = definePrimitive<ConvAttrs>({
  name: "conv",
  infer([x, w], attrs) {
    checkTypes("conv", x, w);
    return { shape: convShape("conv", x.shape, w.shape, attrs), dtype: x.dtype };
  },
  lower: (c, inputs, node) => c.op("Conv", inputs, onnxAttributes(node.attrs)),
  vjp: (g, { inputs: [x, w], attrs }, needs) => [
    needs[0] ? convInputGrad(g, w, x.shape, attrs) : null,
    needs[1] ? convWeightGrad(x, g, w.shape, attrs) : null,
  ],
  batch(node, xs, batched, size) {
    const { shape, attrs } = node, [x, w] = xs;
    if (!batched[1]) return split(conv(merge(x, 0), w, attrs), 0, size, shape);
    if (!batched[0] && attrs.groups === 1) {
      // One input, many kernels: the examples are more output channels.
      return split(conv(x, merge(w, 0), attrs), 1, size, shape);
    }
    const [all, kernels] = batchAll(xs, batched, size);
    const y = conv(merge(all, 1), merge(kernels, 0), grouped(attrs, size));
    return split(y, 1, size, shape);
  },
  decompose(node, target) {
    const [x, w] = node.inputs;
    const { groups } = node.attrs;
    const [n, o, ...out] = node.shape;
    const kernel = w.shape.slice(2), taps = sizeOf(kernel), channels = w.shape[1];
    if (isProduct("conv", x.shape, w.shape, out, groups, x.dtype, target)) {
      return convProduct(x, w, node.shape, node.attrs);
    }
    if (target.has("Conv", x.dtype)) return null;
    if (sizeOf(node.shape) === 0) return zeros(node.shape, x);
    const split = [n, groups, channels, sizeOf(out)];
    const met = concat(windows(x, kernel, out, node.attrs).map((t) => reshape(t, split)), 2);
    const rows = permute(reshape(w, [groups, o / groups, channels, taps]), [0, 1, 3, 2]);
    const matrix = reshape(rows, [groups, o / groups, taps * channels]);
    return reshape(dot(matrix, met), node.shape);
  },
});

/**
 * Adjoint of `conv` with respect to its input, which is a transposed convolution. Inputs: g (shape of
 * the convolution's result), weight.
 */
export const convInputGradPrim: Primitive<ConvInputGradAttrs> = definePrimitive<ConvInputGradAttrs>(
  {
    name: "convInputGrad",
    infer([g, w], attrs) {
      checkTypes("convTranspose", g, w);
      checkResult("convTranspose", g, convShape("convTranspose", attrs.inputShape, w.shape, attrs));
      return { shape: attrs.inputShape, dtype: g.dtype };
    },
    lower: (c, inputs, node) =>
      c.op("ConvTranspose", inputs, {
        ...onnxAttributes(node.attrs),
        output_padding: attr.ints(node.attrs.strides.map((s, i) => {
          const { inputShape, low, high, dilations } = node.attrs;
          const room = inputShape[i + 2] + low[i] + high[i];
          return (room - extent(node.inputs[1].shape[i + 2], dilations[i])) % s;
        })),
      }),
    vjp: (h, { inputs: [g, w], attrs }, needs) => [
      needs[0] ? conv(h, w, attrs) : null,
      needs[1] ? convWeightGrad(h, g, w.shape, attrs) : null,
    ],
    batch(node, xs, batched, size) {
      const { shape, attrs } = node, [n, c, ...sizes] = shape;
      if (!batched[1]) {
        const y = convInputGrad(merge(xs[0], 0), xs[1], [size * n, c, ...sizes], attrs);
        return split(y, 0, size, shape);
      }
      const [g, w] = batchAll(xs, batched, size);
      const wide = [n, size * c, ...sizes];
      const y = convInputGrad(merge(g, 1), merge(w, 0), wide, grouped(attrs, size));
      return split(y, 1, size, shape);
    },
    decompose(node, target) {
      const [g, w] = node.inputs;
      const { inputShape, strides, low, dilations, groups } = node.attrs;
      if (sizeOf(node.shape) === 0 || sizeOf(g.shape) === 0) return zeros(node.shape, g);
      const out = g.shape.slice(2);
      if (isProduct("convInputGrad", inputShape, w.shape, out, groups, g.dtype, target)) {
        return inputGradProduct(g, w, node.attrs);
      }
      // The same sum as a convolution of the spread-out g with the flipped kernel, channels swapped.
      const reach = w.shape.slice(2).map((k, i) => extent(k, dilations[i]));
      const before = reach.map((r, i) => r - 1 - low[i]);
      const after = reach.map((r, i) =>
        inputShape[i + 2] + r - 1 - before[i] - extent(g.shape[i + 2], strides[i])
      );
      const simple = strides.every((s) => s === 1) && [...before, ...after].every((n) => n >= 0);
      // ConvTranspose is the faster kernel where a stride spreads g out or there are few channels.
      if (target.has("ConvTranspose", g.dtype) && !(simple && groups === 1 && w.shape[1] >= 8)) {
        return null;
      }
      const [o, channels, ...kernel] = w.shape;
      const parts = reshape(w, [groups, o / groups, channels, ...kernel]);
      const swapped = reshape(
        permute(parts, [0, 2, 1, ...kernel.map((_, i) => i + 3)]),
        [groups * channels, o / groups, ...kernel],
      );
      const spread = strides.every((s) => s === 1) ? g : dilate(g, [1, 1, ...strides]);
      const cropped = crop(
        spread,
        before.map((n) => Math.max(0, -n)),
        after.map((n) => Math.max(0, -n)),
      );
      return conv(cropped, flip(swapped, kernel.map((_, i) => i + 2)), {
        strides: strides.map(() => 1),
        low: before.map((n) => Math.max(0, n)),
        high: after.map((n) => Math.max(0, n)),
        dilations,
        groups,
      });
    },
  },
);

/**
 * Adjoint of `conv` with respect to its weight. Inputs: x, g (shape of the convolution's result).
 */
export const convWeightGradPrim: Primitive<ConvWeightGradAttrs> = definePrimitive<
  ConvWeightGradAttrs
>({
  name: "convWeightGrad",
  infer([x, g], attrs) {
    checkTypes("convWeightGrad", x, g);
    checkResult(
      "convWeightGrad",
      g,
      convShape("convWeightGrad", x.shape, attrs.weightShape, attrs),
    );
    return { shape: attrs.weightShape, dtype: x.dtype };
  },
  lower: () => {
    throw new Error("internal: convWeightGrad always decomposes");
  },
  vjp: (v, { inputs: [x, g], attrs }, needs) => [
    needs[0] ? convInputGrad(g, v, x.shape, attrs) : null,
    needs[1] ? conv(x, v, attrs) : null,
  ],
  batch(node, xs, batched, size) {
    const { shape, attrs } = node, [o, ...rest] = shape;
    if (!batched[0] && attrs.groups === 1) {
      const y = convWeightGrad(xs[0], merge(xs[1], 1), [size * o, ...rest], attrs);
      return split(y, 0, size, shape);
    }
    const [x, g] = batchAll(xs, batched, size);
    const y = convWeightGrad(
      merge(x, 1),
      merge(g, 1),
      [size * o, ...rest],
      grouped(attrs, size),
    );
    return split(y, 0, size, shape);
  },
  // One matrix product over all positions: Conv with swapped axes took 2 to 5 times as long.
  decompose(node, target) {
    const [x, g] = node.inputs;
    const { weightShape, groups } = node.attrs;
    const [o, channels, ...kernel] = weightShape;
    if (sizeOf(g.shape) === 0 || sizeOf(weightShape) === 0) return zeros(weightShape, x);
    const [n, , ...out] = g.shape;
    if (hasKernels(target, x.dtype) && kernel.length > 0) {
      return weightGradProduct(x, g, node.attrs);
    }
    const rows = asRows(g, groups);
    const places = n * sizeOf(out), taps = sizeOf(kernel);
    const lead = rows.shape.slice(0, -2);
    const met = concat(
      windows(permute(x, channelsFirst(x.shape)), kernel, out, node.attrs)
        .map((t) => reshape(t, [...lead, channels, places])),
      lead.length,
    );
    const y = reshape(dot(rows, met, false, true), [o, taps, channels]);
    return reshape(permute(y, [0, 2, 1]), weightShape);
  },
});

/** For each element of the kernel, in order, what it meets at every place: [.., .., ...out]. */
function windows(x: Node, kernel: Shape, out: Shape, attrs: ConvAttrs): Node[] {
  const { strides, low, high, dilations } = attrs;
  const padded = pad(x, [0, 0, ...low], [0, 0, ...high]);
  return Array.from({ length: sizeOf(kernel) }, (_, tap) => {
    const starts: number[] = [];
    for (let i = kernel.length - 1, rest = tap; i >= 0; rest = Math.floor(rest / kernel[i]), i--) {
      starts.unshift((rest % kernel[i]) * dilations[i]);
    }
    return slice(padded, {
      starts: [0, 0, ...starts],
      sizes: [x.shape[0], x.shape[1], ...out],
      steps: [1, 1, ...strides],
    });
  });
}

/** The batch (dimension 0) becomes the outer part of dimension `axis` of the example. */
function merge(x: Node, axis: 0 | 1): Node {
  const [size, ...own] = x.shape;
  const merged = own.map((d, i) => i === axis ? size * d : d);
  if (axis === 0) return reshape(x, merged);
  return reshape(permute(x, [1, 0, ...own.slice(1).map((_, i) => i + 2)]), merged);
}

/** Undoes `merge` for examples of the given shape. */
function split(y: Node, axis: 0 | 1, size: number, shape: Shape): Node {
  if (axis === 0) return reshape(y, [size, ...shape]);
  const [n, ...rest] = shape;
  return permute(reshape(y, [n, size, ...rest]), [1, 0, ...rest.map((_, i) => i + 2)]);
}

/** Attributes of a convolution in which each example has channels of its own. */
function grouped(attrs: ConvAttrs, size: number): ConvAttrs {
  return { ...attrs, groups: size * attrs.groups };
}

/** Cuts elements off both ends of the spatial dimensions. */
function crop(x: Node, low: Shape, high: Shape): Node {
  return slice(x, {
    starts: [0, 0, ...low],
    sizes: x.shape.map((d, i) => i < 2 ? d : d - low[i - 2] - high[i - 2]),
    steps: x.shape.map(() => 1),
  });
}

function zeros(shape: Shape, like: Node): Node {
  return expand(num(0, like), shape);
}

function pick({ strides, low, high, dilations, groups }: ConvAttrs): ConvAttrs {
  return { strides, low, high, dilations, groups };
}

/** Convolution of x [N, C, ...] with a weight [O, C / groups, ...]. */
export function conv(x: Node, w: Node, attrs: ConvAttrs): Node {
  return apply(convPrim, [x, w], pick(attrs));
}
/** Adjoint of `conv` with respect to an input of shape `inputShape`: a transposed convolution. */
export function convInputGrad(g: Node, w: Node, inputShape: Shape, attrs: ConvAttrs): Node {
  return apply(convInputGradPrim, [g, w], { ...pick(attrs), inputShape });
}
/** Adjoint of `conv` with respect to a weight of shape `weightShape`. */
export function convWeightGrad(x: Node, g: Node, weightShape: Shape, attrs: ConvAttrs): Node {
  return apply(convWeightGradPrim, [x, g], { ...pick(attrs), weightShape });
}
