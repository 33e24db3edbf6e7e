/** Convolution and pooling. @module */

import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { type Shape, showShape } from "../../graph/shape.ts";
import { add } from "../../primitives/elementwise.ts";
import { conv, type ConvAttrs, convInputGrad } from "../../primitives/conv.ts";
import { concat, narrow, reshape } from "../../primitives/movement.ts";
import { avgPool, maxPool } from "../../primitives/pool.ts";
import { floating, pair, wrap } from "../../tensor/core.ts";
import { mean } from "../../tensor/statistics.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** One number for all spatial dimensions, or one for each. */
export type PerDimension = number | readonly number[];

/** Options of convolutions. */
export interface ConvOptions {
  /** Step of the window (default 1). */
  stride?: PerDimension;
  /** Zeros on both sides (default 0); `"same"` keeps sizes (stride 1 only), `"valid"` is 0. */
  padding?: PerDimension | "same" | "valid";
  /** Distance of the kernel's elements (default 1). */
  dilation?: PerDimension;
  /** Number of groups that channels are split into (default 1). */
  groups?: number;
}

/** Options of transposed convolutions. */
export interface ConvTransposeOptions {
  /** Step of the window (default 1). */
  stride?: PerDimension;
  /** Elements cut off on both sides (default 0). */
  padding?: PerDimension;
  /** Elements added at the end of each dimension (default 0). */
  outputPadding?: PerDimension;
  /** Distance of the kernel's elements (default 1). */
  dilation?: PerDimension;
  /** Number of groups that channels are split into (default 1). */
  groups?: number;
}

/** Options of pooling. */
export interface PoolOptions {
  /** Step of the window (default: its size). */
  stride?: PerDimension;
  /** Elements added on both sides (default 0); at most half of the window. */
  padding?: PerDimension;
}

function each(op: string, name: string, value: PerDimension, rank: number, least: number): number[] {
  const list = typeof value === "number" ? new Array<number>(rank).fill(value) : [...value];
  if (list.length !== rank || !list.every((v) => Number.isInteger(v) && v >= least)) {
    throw new RangeError(
      `${op}: ${name} is a whole number >= ${least}, or ${rank} of them; got ${
        JSON.stringify(value)
      }.`,
    );
  }
  return list;
}

function attrsOf(op: string, rank: number, kernel: Shape, options: ConvOptions): ConvAttrs {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const strides = each(op, "stride", stride, rank, 1);
  const dilations = each(op, "dilation", dilation, rank, 1);
  each(op, "groups", groups, 1, 1);
  if (padding !== "same") {
    const low = each(op, "padding", padding === "valid" ? 0 : padding, rank, 0);
    return { strides, dilations, groups, low, high: low };
  }
  if (strides.some((s) => s !== 1)) {
    throw new RangeError(`${op}: padding "same" wants stride 1, got ${showShape(strides)}.`);
  }
  const total = kernel.map((k, i) => (k - 1) * dilations[i]);
  const low = total.map((t) => t >> 1);
  return { strides, dilations, groups, low, high: total.map((t, i) => t - low[i]) };
}

function withBias(op: string, y: Node, bias: Tensor | null | undefined): Node {
  if (bias === null || bias === undefined) return y;
  if (bias.ndim !== 1 || bias.size !== y.shape[1]) {
    throw new ShapeError(
      `${op}: got bias ${showShape(bias.shape)}, wants a vector of ${y.shape[1]} output channels.`,
    );
  }
  const [a, b] = pair(wrap(y), bias);
  return add(a, reshape(b, [b.shape[0], ...y.shape.slice(2).map(() => 1)]));
}

/** Adds a batch dimension where there is none, and takes it away from the result. */
function batched(x: Node, rank: number, fn: (x: Node) => Node): Tensor {
  if (x.shape.length !== rank + 1) return wrap(fn(x));
  const y = fn(reshape(x, [1, ...x.shape]));
  return wrap(reshape(y, y.shape.slice(1)));
}

function convolve(
  op: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: ConvOptions,
): Tensor {
  const [a, w] = pair(x, weight);
  const attrs = attrsOf(op, rank, w.shape.slice(2), options);
  return batched(a, rank, (a) => withBias(op, conv(a, w, attrs), bias));
}

/**
 * Convolution of signals `[N, C, L]` (or `[C, L]`) with kernels `[O, C / groups, K]`.
 *
 * @throws {ShapeError} where channels or sizes do not fit
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[[1, 2, 4]]]), w = tensor([[[1, 1]]]);
 * assertEquals(nn.functional.conv1d(x, w).toArray(), [[[3, 6]]]);
 * ```
 */
export function conv1d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvOptions = {},
): Tensor {
  return convolve("conv1d", 1, x, weight, bias, options);
}

/**
 * Convolution of images `[N, C, H, W]` (or `[C, H, W]`) with kernels `[O, C / groups, KH, KW]`.
 *
 * @throws {ShapeError} where channels or sizes do not fit
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, ones } from "@torchopt/torchopt";
 *
 * const y = nn.functional.conv2d(ones([1, 3, 8, 8]), ones([4, 3, 3, 3]), null, { padding: 1 });
 * assertEquals(y.shape, [1, 4, 8, 8]);
 * ```
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvOptions = {},
): Tensor {
  return convolve("conv2d", 2, x, weight, bias, options);
}

/**
 * Convolution of volumes `[N, C, D, H, W]` with kernels `[O, C / groups, KD, KH, KW]`.
 *
 * @throws {ShapeError} where channels or sizes do not fit
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, ones } from "@torchopt/torchopt";
 *
 * const y = nn.functional.conv3d(ones([1, 1, 2, 2, 2]), ones([1, 1, 2, 2, 2]));
 * assertEquals(y.item(), 8);
 * ```
 */
export function conv3d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvOptions = {},
): Tensor {
  return convolve("conv3d", 3, x, weight, bias, options);
}

function convolveTransposed(
  op: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: ConvTransposeOptions,
): Tensor {
  const [a, w] = pair(x, weight);
  const kernel = w.shape.slice(2);
  const attrs = attrsOf(op, rank, kernel, options);
  const extra = each(op, "outputPadding", options.outputPadding ?? 0, rank, 0);
  return batched(a, rank, (a) => {
    if (a.shape.length !== rank + 2 || w.shape.length !== rank + 2 || a.shape[1] !== w.shape[0]) {
      throw new ShapeError(
        `${op}: got input ${showShape(a.shape)} and weight ${showShape(w.shape)}, wants input ` +
          `[N, C${", size".repeat(rank)}] and weight [C, O / groups${", size".repeat(rank)}].`,
      );
    }
    const sizes = kernel.map((k, i) =>
      (a.shape[i + 2] - 1) * attrs.strides[i] - 2 * attrs.low[i] + (k - 1) * attrs.dilations[i] +
      extra[i] + 1
    );
    const shape = [a.shape[0], w.shape[1] * attrs.groups, ...sizes];
    return withBias(op, convInputGrad(a, w, shape, attrs), bias);
  });
}

/**
 * Transposed convolution of signals `[N, C, L]` with kernels `[C, O / groups, K]`.
 *
 * @throws {ShapeError} where channels or sizes do not fit
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[[1, 2]]]), w = tensor([[[1, 1]]]);
 * assertEquals(nn.functional.convTranspose1d(x, w).toArray(), [[[1, 3, 2]]]);
 * ```
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed("convTranspose1d", 1, x, weight, bias, options);
}

/**
 * Transposed convolution of images `[N, C, H, W]` with kernels `[C, O / groups, KH, KW]`.
 *
 * @throws {ShapeError} where channels or sizes do not fit
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, ones } from "@torchopt/torchopt";
 *
 * const y = nn.functional.convTranspose2d(ones([1, 2, 4, 4]), ones([2, 3, 2, 2]), null, {
 *   stride: 2,
 * });
 * assertEquals(y.shape, [1, 3, 8, 8]);
 * ```
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed("convTranspose2d", 2, x, weight, bias, options);
}

function poolAttrs(op: string, rank: number, kernelSize: PerDimension, options: PoolOptions) {
  const kernel = each(op, "kernelSize", kernelSize, rank, 1);
  const strides = each(op, "stride", options.stride ?? kernel, rank, 1);
  const low = each(op, "padding", options.padding ?? 0, rank, 0);
  return { kernel, strides, low, high: low };
}

/** Options of maximum pooling. */
export interface MaxPoolOptions extends PoolOptions {
  /** Distance of the window's elements (default 1). */
  dilation?: PerDimension;
}

function poolMax(
  op: string,
  rank: number,
  x: Tensor,
  kernelSize: PerDimension,
  options: MaxPoolOptions,
): Tensor {
  const attrs = poolAttrs(op, rank, kernelSize, options);
  const dilations = each(op, "dilation", options.dilation ?? 1, rank, 1);
  return batched(floating(x), rank, (x) => maxPool(x, { ...attrs, dilations })[0]);
}

/**
 * Largest element of each window of signals `[N, C, L]`; the gradient goes to that one element.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[[1, 3, 2, 4]]]);
 * assertEquals(nn.functional.maxPool1d(x, 2).toArray(), [[[3, 4]]]);
 * ```
 */
export function maxPool1d(
  x: Tensor,
  kernelSize: PerDimension,
  options: MaxPoolOptions = {},
): Tensor {
  return poolMax("maxPool1d", 1, x, kernelSize, options);
}

/**
 * Largest element of each window of images `[N, C, H, W]`; the gradient goes to that one element.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * assertEquals(nn.functional.maxPool2d(x, 2).item(), 4);
 * ```
 */
export function maxPool2d(
  x: Tensor,
  kernelSize: PerDimension,
  options: MaxPoolOptions = {},
): Tensor {
  return poolMax("maxPool2d", 2, x, kernelSize, options);
}

/** Options of average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros (default true) or is left out of the average. */
  countIncludePad?: boolean;
}

function poolAverage(
  op: string,
  rank: number,
  x: Tensor,
  kernelSize: PerDimension,
  options: AvgPoolOptions,
): Tensor {
  const attrs = poolAttrs(op, rank, kernelSize, options);
  const includePad = options.countIncludePad ?? true;
  return batched(floating(x), rank, (x) => avgPool(x, attrs, includePad));
}

/**
 * Average of each window of signals `[N, C, L]`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[[1, 3, 2, 4]]]);
 * assertEquals(nn.functional.avgPool1d(x, 2).toArray(), [[[2, 3]]]);
 * ```
 */
export function avgPool1d(
  x: Tensor,
  kernelSize: PerDimension,
  options: AvgPoolOptions = {},
): Tensor {
  return poolAverage("avgPool1d", 1, x, kernelSize, options);
}

/**
 * Average of each window of images `[N, C, H, W]`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * assertEquals(nn.functional.avgPool2d(x, 2).item(), 2.5);
 * ```
 */
export function avgPool2d(
  x: Tensor,
  kernelSize: PerDimension,
  options: AvgPoolOptions = {},
): Tensor {
  return poolAverage("avgPool2d", 2, x, kernelSize, options);
}

/** Averages along an axis over `n` windows that cover it as evenly as whole numbers allow. */
function averageTo(x: Node, axis: number, n: number): Node {
  const size = x.shape[axis];
  const windows = Array.from({ length: n }, (_, i) => {
    const start = Math.floor(i * size / n);
    return mean(narrow(x, axis, start, Math.ceil((i + 1) * size / n) - start), [axis], true);
  });
  return concat(windows, axis);
}

/**
 * Averages over windows that are chosen so that the result has the given size.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * assertEquals(nn.functional.adaptiveAvgPool2d(x, 1).item(), 2.5);
 * ```
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: PerDimension): Tensor {
  const sizes = each("adaptiveAvgPool2d", "outputSize", outputSize, 2, 1);
  return batched(floating(x), 2, (y) => {
    if (y.shape.length !== 4) {
      throw new ShapeError(
        `adaptiveAvgPool2d: got ${showShape(x.shape)}, wants [N, C, H, W] or [C, H, W].`,
      );
    }
    return averageTo(averageTo(y, 2, sizes[0]), 3, sizes[1]);
  });
}
