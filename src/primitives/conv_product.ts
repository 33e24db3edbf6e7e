/**
 * Convolutions and their adjoints as products of matrices with the columns of their windows, one
 * product for each group. Made at lowering, where the compiled ops are at hand.
 *
 * @module
 */

import type { Node, Target } from "../graph/node.ts";
import { sameShape, type Shape, sizeOf } from "../graph/shape.ts";
import type { ConvAttrs, ConvInputGradAttrs, ConvWeightGradAttrs } from "./conv_shape.ts";
import { dot } from "./matmul.ts";
import { permute, permutePrim, reshape, reshapePrim } from "./movement.ts";
import { columns, foldColumns, type WindowAttrs } from "./windows.ts";

/** Whether the kernels of windows are there for an element type. */
export const hasKernels = (target: Target, dtype: Node["dtype"]): boolean =>
  target.has("torchopt.Columns", dtype) && target.has("torchopt.FoldColumns", dtype);

/** Places of a window up to which a matrix product is faster than ONNX Runtime's convolution. */
const FEW_PLACES = 128;

/**
 * The same for the gradient of the input with several groups: what it takes the place of is
 * ConvTranspose. 4 groups of 64 to 64 channels, 5 samples, kernel 3 x 3, two threads: at 14 x 14 the
 * product and FoldColumns take 1.9 ms, ConvTranspose 2.6 ms; Conv takes 1.8 ms, as does a product.
 * At 7 x 7 both products take 0.5 ms, ConvTranspose 0.85 ms, Conv 1.3 ms.
 */
const FEW_PLACES_OF_GROUPS = 256;

/** Rows that the matrices of several groups need: a product of fewer is no work for its kernel. */
const ROWS_OF_GROUP = 16;

/** Elements of columns up to which they may be made where a kernel does without. */
const FEW_ELEMENTS = 1 << 24;

/** Whether `conv` or `convInputGrad` becomes a matrix product with columns. */
export function isProduct(
  op: "conv" | "convInputGrad",
  x: Shape,
  w: Shape,
  out: Shape,
  groups: number,
  dtype: Node["dtype"],
  target: Target,
): boolean {
  if (!hasKernels(target, dtype) || out.length === 0) return false;
  if (sizeOf(x) === 0 || sizeOf(w) === 0) return false;
  if (!target.has(op === "conv" ? "Conv" : "ConvTranspose", dtype)) return true;
  const elements = x[0] * x[1] * sizeOf(w.slice(2)) * sizeOf(out);
  if (elements > FEW_ELEMENTS) return false;
  if (groups === 1) return sizeOf(out) <= FEW_PLACES;
  const rows = Math.min(w[0] / groups, sizeOf(w.slice(1)));
  const few = op === "conv" ? FEW_PLACES : FEW_PLACES_OF_GROUPS;
  return sizeOf(out) <= few && rows >= ROWS_OF_GROUP;
}

/** The permutation that swaps the first two dimensions. */
export const channelsFirst = (shape: Shape): number[] => shape.map((_, i) => i < 2 ? 1 - i : i);

/**
 * The examples [groups * N, C / groups, ...] where x [N, C, ...] was made of these; null otherwise.
 * That is what the batching rules do: channels of all examples side by side. The kernels take the
 * examples as they lie.
 */
function examplesOf(x: Node, groups: number): Node | null {
  const [n, channels, ...sizes] = x.shape;
  if (groups === 1 || x.prim !== reshapePrim) return null;
  const [moved] = x.inputs;
  if (moved.prim !== permutePrim) return null;
  const { perm } = (moved as Node<{ perm: Shape }>).attrs;
  const made = sameShape(moved.shape, [n, groups, channels / groups, ...sizes]) &&
    sameShape(perm, channelsFirst(moved.shape));
  return made ? reshape(moved.inputs[0], examplesShape(x.shape, groups)) : null;
}

function examplesShape([n, channels, ...sizes]: Shape, groups: number): number[] {
  return [groups * n, channels / groups, ...sizes];
}

function windowsOf(sizes: Shape, kernel: Shape, out: Shape, a: ConvAttrs, examples: number) {
  const { strides, low, dilations } = a;
  return { sizes, kernel, out, strides, low, dilations, examples } satisfies WindowAttrs;
}

/** Columns of x as matrices [C / groups * taps, N * places]. */
function asColumns(x: Node, kernel: Shape, out: Shape, attrs: ConvAttrs): Node {
  const { groups } = attrs, examples = examplesOf(x, groups);
  const met = examples === null
    ? columns(x, windowsOf(x.shape, kernel, out, attrs, 1))
    : columns(examples, windowsOf(examples.shape, kernel, out, attrs, groups));
  return perGroup(met, groups);
}

/** A matrix for each group; two dimensions, which lower to one Gemm, where there is one group. */
function perGroup(x: Node, groups: number): Node {
  const size = sizeOf(x.shape), length = x.shape[x.shape.length - 1];
  return reshape(
    x,
    groups === 1 ? [size / length, length] : [groups, size / length / groups, length],
  );
}

/** A weight as matrices [O / groups, C / groups * taps]. */
function asMatrix(w: Node, groups: number): Node {
  return perGroup(reshape(w, [w.shape[0], sizeOf(w.shape.slice(1))]), groups);
}

/** A result as matrices [O / groups, N * places]. */
export function asRows(g: Node, groups: number): Node {
  const [n, o, ...out] = g.shape;
  if (groups === 1) return reshape(permute(g, channelsFirst(g.shape)), [o, n * sizeOf(out)]);
  // In the shape that the batching rules give it, so that two permutations become one.
  const apart = reshape(g, [n, groups, o / groups, ...out]);
  const moved = permute(apart, [1, 2, 0, ...out.map((_, i) => i + 3)]);
  return reshape(moved, [groups, o / groups, n * sizeOf(out)]);
}

/** The result of shape [N, O, ...out] from its matrices; undoes `asRows`. */
function fromRows(y: Node, [n, o, ...out]: Shape, groups: number): Node {
  if (groups === 1) return permute(reshape(y, [o, n, ...out]), channelsFirst([o, n, ...out]));
  const apart = reshape(y, [groups, o / groups, n, ...out]);
  return reshape(permute(apart, [2, 0, 1, ...out.map((_, i) => i + 3)]), [n, o, ...out]);
}

/** `conv` with a result of the given shape. */
export function convProduct(x: Node, w: Node, shape: Shape, attrs: ConvAttrs): Node {
  const { groups } = attrs;
  const met = asColumns(x, w.shape.slice(2), shape.slice(2), attrs);
  return fromRows(dot(asMatrix(w, groups), met), shape, groups);
}

/** `convInputGrad`. */
export function inputGradProduct(g: Node, w: Node, attrs: ConvInputGradAttrs): Node {
  const { groups, inputShape } = attrs;
  const kernel = w.shape.slice(2), out = g.shape.slice(2);
  const parts = dot(asMatrix(w, groups), asRows(g, groups), true, false);
  const length = parts.shape[parts.shape.length - 1];
  const met = reshape(parts, [sizeOf(parts.shape) / length, length]);
  if (examplesOf(g, groups) === null) {
    return foldColumns(met, windowsOf(inputShape, kernel, out, attrs, 1));
  }
  const [n, channels, ...sizes] = inputShape;
  const examples = foldColumns(
    met,
    windowsOf(examplesShape(inputShape, groups), kernel, out, attrs, groups),
  );
  const apart = reshape(examples, [groups, n, channels / groups, ...sizes]);
  return reshape(permute(apart, channelsFirst(apart.shape)), inputShape);
}

/** `convWeightGrad`. */
export function weightGradProduct(x: Node, g: Node, attrs: ConvWeightGradAttrs): Node {
  const { groups, weightShape } = attrs;
  const met = asColumns(x, weightShape.slice(2), g.shape.slice(2), attrs);
  return reshape(dot(asRows(g, groups), met, false, true), weightShape);
}
