/**
 * Convolution and its transpose.
 *
 * @module
 */

import type { ConvOptions, ConvTransposeOptions } from "./options.ts";
import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { type Shape, showShape } from "../../graph/shape.ts";
import { add } from "../../primitives/elementwise.ts";
import { conv, convInputGrad } from "../../primitives/conv.ts";
import { type ConvAttrs, convShape } from "../../primitives/conv_shape.ts";
import { pad, reshape } from "../../primitives/movement.ts";
import { checkOptional, checkTensor, meet, pair } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { batched, each } from "./window.ts";
import { checkNames } from "../../tensor/describe.ts";
import { CONV, CONV_TRANSPOSE } from "./names.ts";

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
  checkTensor(op, "the bias (options come after it)", bias);
  if (bias.ndim !== 1 || bias.size !== y.shape[1]) {
    throw new ShapeError(
      `${op}: got bias ${showShape(bias.shape)}, wants a vector of ${y.shape[1]} output channels.`,
    );
  }
  const [a, b] = meet(y, bias.node);
  return add(a, reshape(b, [b.shape[0], ...y.shape.slice(2).map(() => 1)]));
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
  checkTensor("conv1d", "the operand", x);
  checkTensor("conv1d", "the weight", weight);
  checkOptional("conv1d", "the bias", bias);
  checkNames("conv1d", options, CONV);
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
  checkTensor("conv2d", "the operand", x);
  checkTensor("conv2d", "the weight", weight);
  checkOptional("conv2d", "the bias", bias);
  checkNames("conv2d", options, CONV);
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
  checkTensor("conv3d", "the operand", x);
  checkTensor("conv3d", "the weight", weight);
  checkOptional("conv3d", "the bias", bias);
  checkNames("conv3d", options, CONV);
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
  extra.forEach((n, i) => {
    const most = Math.max(attrs.strides[i], attrs.dilations[i]) - 1;
    if (n <= most) return;
    throw new RangeError(
      `${op}: got outputPadding ${n} in spatial dimension ${i}, wants at most ${most}: less than ` +
        `the stride (${attrs.strides[i]}) or the dilation (${attrs.dilations[i]}).`,
    );
  });
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
    if (sizes.some((size) => size < 1)) {
      throw new ShapeError(
        `${op}: got input ${showShape(a.shape)} and weight ${showShape(w.shape)}, of which the ` +
          `padding leaves spatial sizes ${showShape(sizes)}; wants 1 or more.`,
      );
    }
    const shape = [a.shape[0], w.shape[1] * attrs.groups, ...sizes];
    // A convolution of the result may reach further than the input does: there it meets zeros.
    const beyond = convShape(op, shape, w.shape, attrs).map((d, i) => i < 2 ? 0 : d - a.shape[i]);
    const whole = beyond.some((n) => n > 0) ? pad(a, beyond.map(() => 0), beyond) : a;
    return withBias(op, convInputGrad(whole, w, shape, attrs), bias);
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
  checkTensor("convTranspose1d", "the operand", x);
  checkTensor("convTranspose1d", "the weight", weight);
  checkOptional("convTranspose1d", "the bias", bias);
  checkNames("convTranspose1d", options, CONV_TRANSPOSE);
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
  checkTensor("convTranspose2d", "the operand", x);
  checkTensor("convTranspose2d", "the weight", weight);
  checkOptional("convTranspose2d", "the bias", bias);
  checkNames("convTranspose2d", options, CONV_TRANSPOSE);
  return convolveTransposed("convTranspose2d", 2, x, weight, bias, options);
}
