/**
 * Convolution layers.
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import {
  conv1d,
  conv2d,
  type ConvOptions,
  convTranspose2d,
  type ConvTransposeOptions,
  type PerDimension,
} from "../functional.ts";
import { Module } from "../module.ts";
import { BIAS, checkSizes, weightAndBias } from "./make.ts";
import type { BiasOptions } from "./options.ts";
import { checkArray, checkNames } from "../../tensor/describe.ts";
import { CONV, CONV_TRANSPOSE } from "../functional/names.ts";

/** Options of convolution layers. */
export interface ConvLayerOptions extends ConvOptions, BiasOptions {}

/** Options of transposed convolution layers. */
export interface ConvTransposeLayerOptions extends ConvTransposeOptions, BiasOptions {}

function kernelOf(layer: string, size: PerDimension, rank: number): number[] {
  if (typeof size !== "number") {
    checkArray(layer, "kernelSize", size, `a number or ${rank} of them`);
  }
  const kernel = typeof size === "number" ? new Array<number>(rank).fill(size) : [...size];
  if (kernel.length !== rank) {
    throw new RangeError(`${layer}: kernelSize is [${kernel}], wants a number or ${rank} of them.`);
  }
  kernel.forEach((k) => checkSizes(layer, { kernelSize: k }));
  return kernel;
}

/** The options of the function that a layer calls, and a check of all. */
function ownOptions<O extends object>(layer: string, options: O, names: readonly string[]): O {
  checkNames(layer, options, [...names, ...BIAS]);
  const own = Object.entries(options).filter(([name]) => names.includes(name));
  return Object.fromEntries(own) as O;
}

/** Channels of one group, checked. */
function perGroup(layer: string, channels: number, groups: number): number {
  checkSizes(layer, { channels, groups });
  if (channels % groups === 0) return channels / groups;
  throw new RangeError(`${layer}: ${channels} channels cannot be split into ${groups} groups.`);
}

function convWeight(
  layer: string,
  rank: number,
  inputs: number,
  outputs: number,
  kernelSize: PerDimension,
  options: ConvLayerOptions,
) {
  const kernel = kernelOf(layer, kernelSize, rank), { groups = 1 } = options;
  perGroup(layer, outputs, groups);
  return weightAndBias([outputs, perGroup(layer, inputs, groups), ...kernel], outputs, options);
}

/**
 * Convolution of signals `[N, inChannels, L]`, initialised as PyTorch does.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new nn.Conv1d(2, 4, 3, { padding: 1 });
 * assertEquals(layer.call(zeros([1, 2, 8])).shape, [1, 4, 8]);
 * ```
 */
export class Conv1d extends Module {
  /** Kernels `[outChannels, inChannels / groups, K]`. */
  weight: Tensor;
  /** Bias `[outChannels]`, or null. */
  bias: Tensor | null;
  /** Stride, padding, dilation and groups. */
  readonly options: ConvOptions;

  /**
   * Makes a layer with initial values.
   *
   * @param inChannels channels of the input
   * @param outChannels channels of the result
   * @param kernelSize size of the window
   * @param options `stride`, `padding`, `dilation`, `groups`, `bias`, `dtype`, `device`, `generator`
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    options: ConvLayerOptions = {},
  ) {
    super();
    this.options = ownOptions("Conv1d", options, CONV);
    [this.weight, this.bias] = convWeight(
      "Conv1d",
      1,
      inChannels,
      outChannels,
      kernelSize,
      options,
    );
  }

  /** Convolves `[N, C, L]` or `[C, L]`. */
  override forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Convolution of images `[N, inChannels, H, W]`, initialised as PyTorch does.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new nn.Conv2d(1, 4, 3, { stride: 2, padding: 1 });
 * assertEquals(layer.call(zeros([1, 1, 8, 8])).shape, [1, 4, 4, 4]);
 * ```
 */
export class Conv2d extends Module {
  /** Kernels `[outChannels, inChannels / groups, KH, KW]`. */
  weight: Tensor;
  /** Bias `[outChannels]`, or null. */
  bias: Tensor | null;
  /** Stride, padding, dilation and groups. */
  readonly options: ConvOptions;

  /**
   * Makes a layer with initial values.
   *
   * @param inChannels channels of the input
   * @param outChannels channels of the result
   * @param kernelSize size of the window
   * @param options `stride`, `padding`, `dilation`, `groups`, `bias`, `dtype`, `device`, `generator`
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    options: ConvLayerOptions = {},
  ) {
    super();
    this.options = ownOptions("Conv2d", options, CONV);
    [this.weight, this.bias] = convWeight(
      "Conv2d",
      2,
      inChannels,
      outChannels,
      kernelSize,
      options,
    );
  }

  /** Convolves `[N, C, H, W]` or `[C, H, W]`. */
  override forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Transposed convolution of images `[N, inChannels, H, W]`, initialised as PyTorch does.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new nn.ConvTranspose2d(4, 1, 2, { stride: 2 });
 * assertEquals(layer.call(zeros([1, 4, 3, 3])).shape, [1, 1, 6, 6]);
 * ```
 */
export class ConvTranspose2d extends Module {
  /** Kernels `[inChannels, outChannels / groups, KH, KW]`. */
  weight: Tensor;
  /** Bias `[outChannels]`, or null. */
  bias: Tensor | null;
  /** Stride, padding, outputPadding, dilation and groups. */
  readonly options: ConvTransposeOptions;

  /**
   * Makes a layer with initial values.
   *
   * @param inChannels channels of the input
   * @param outChannels channels of the result
   * @param kernelSize size of the window
   * @param options `stride`, `padding`, `outputPadding`, `dilation`, `groups`, `bias`, `dtype`,
   * `device`, `generator`
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerDimension,
    options: ConvTransposeLayerOptions = {},
  ) {
    super();
    this.options = ownOptions("ConvTranspose2d", options, CONV_TRANSPOSE);
    const kernel = kernelOf("ConvTranspose2d", kernelSize, 2), { groups = 1 } = options;
    perGroup("ConvTranspose2d", inChannels, groups);
    const outputs = perGroup("ConvTranspose2d", outChannels, groups);
    [this.weight, this.bias] = weightAndBias(
      [inChannels, outputs, ...kernel],
      outChannels,
      options,
    );
  }

  /** Convolves `[N, C, H, W]` or `[C, H, W]`. */
  override forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }
}
