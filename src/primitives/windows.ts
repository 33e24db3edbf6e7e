/**
 * Kernels for windows that slide over [N, C, ...sizes]. They stand for graphs of other primitives and
 * are made at lowering, after differentiation, where the compiled ops are at hand.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { apply, type Aval, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";
import { project } from "./tuple.ts";

/** Where windows are; one number for each spatial dimension, except `sizes`. */
export interface WindowAttrs {
  /** All sizes of the tensor that the windows slide over. */
  readonly sizes: Shape;
  /** Size of the window. */
  readonly kernel: Shape;
  /** Number of places. */
  readonly out: Shape;
  /** Step of the window. */
  readonly strides: Shape;
  /** Zeros before each dimension; there are as many after it as windows reach. */
  readonly low: Shape;
  /** Distance of the window's elements. */
  readonly dilations: Shape;
  /**
   * Number of equal parts that the samples are split into. Each has columns of its own, one above the
   * other, and places count within it.
   */
  readonly examples: number;
}

const made = "made at lowering, after differentiation and batching";

const nameOf = (op: string, node: { dtype: string }) =>
  `${op}${node.dtype === "float32" ? "F32" : "F64"}`;

const onnxAttributes = (a: WindowAttrs) => ({
  sizes: attr.ints(a.sizes),
  kernel: attr.ints(a.kernel),
  out: attr.ints(a.out),
  strides: attr.ints(a.strides),
  low: attr.ints(a.low),
  dilations: attr.ints(a.dilations),
  examples: attr.ints([a.examples]),
});

/** Shape of the columns, where each of the examples has N samples. */
function columnsShape({ sizes, kernel, out, examples }: WindowAttrs): number[] {
  return [examples * sizes[1] * sizeOf(kernel), sizes[0] / examples * sizeOf(out)];
}

/**
 * What each element of the window meets at every place. Input: x. Result: [C * taps, N * places] for
 * each example, one above the other.
 */
export const columnsPrim: Primitive<WindowAttrs> = definePrimitive<WindowAttrs>({
  name: "columns",
  infer: ([x], attrs) => ({ shape: columnsShape(attrs), dtype: x.dtype }),
  vjp: made,
  batch: made,
  lower: (c, inputs, node) =>
    c.ops(nameOf("Columns", node), inputs, onnxAttributes(node.attrs), { domain: "torchopt" })[0],
});

/** The adjoint of `columns`. Input: columns. Result: of shape `sizes`. */
export const foldColumnsPrim: Primitive<WindowAttrs> = definePrimitive<WindowAttrs>({
  name: "foldColumns",
  infer: ([x], attrs) => ({ shape: attrs.sizes, dtype: x.dtype }),
  vjp: made,
  batch: made,
  lower: (c, inputs, node) =>
    c.ops(nameOf("FoldColumns", node), inputs, onnxAttributes(node.attrs), {
      domain: "torchopt",
    })[0],
});

/** Largest element of each window and its place in the flattened example; what is outside of x never wins. */
export const maxPlacesPrim: Primitive<WindowAttrs> = definePrimitive<WindowAttrs>({
  name: "maxPlaces",
  infer([x], { sizes, out }): Aval[] {
    const shape = [sizes[0], sizes[1], ...out];
    return [{ shape, dtype: x.dtype }, { shape, dtype: "int64" }];
  },
  vjp: made,
  batch: made,
  lower: (c, inputs, node) =>
    c.ops(nameOf("MaxPlaces", node), inputs, onnxAttributes(node.attrs), {
      domain: "torchopt",
      outputs: 2,
    }),
});

/** Static arguments of `scatterZeros`. */
interface ScatterZerosAttrs {
  /** Shape of the result. */
  readonly shape: Shape;
}

/** Numbers added to zeros along the last dimension. Inputs: places (int64), numbers. */
export const scatterZerosPrim: Primitive<ScatterZerosAttrs> = definePrimitive<ScatterZerosAttrs>({
  name: "scatterZeros",
  index: 0,
  infer: ([, src], { shape }) => ({ shape, dtype: src.dtype }),
  vjp: made,
  batch: made,
  lower: (c, inputs, node) =>
    c.ops(nameOf("ScatterZeros", node), inputs, { shape: attr.ints(node.attrs.shape) }, {
      domain: "torchopt",
    })[0],
});

/** What each element of the window meets at every place: [C * taps, N * places] for each example. */
export function columns(x: Node, attrs: WindowAttrs): Node {
  return apply(columnsPrim, [x], attrs);
}
/** The adjoint of `columns`. */
export function foldColumns(x: Node, attrs: WindowAttrs): Node {
  return apply(foldColumnsPrim, [x], attrs);
}
/** Largest element of each window (`index` 0) or its place in the flattened example (1). */
export function maxPlaces(x: Node, attrs: WindowAttrs, index: number): Node {
  return project(apply(maxPlacesPrim, [x], attrs), index);
}
/** `src` added to zeros at `places` of the last dimension; those before it are alike in all. */
export function scatterZeros(places: Node, src: Node, shape: Shape): Node {
  return apply(scatterZerosPrim, [places, src], { shape });
}
