/**
 * Normalisation layers.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { withGrad } from "../../graph/node.ts";
import { showShape } from "../../graph/shape.ts";
import { tensor } from "../../tensor/creation.ts";
import { holdUpdate } from "../../tensor/pending.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { batchNorm, groupNorm, layerNorm, rmsNorm } from "../functional.ts";
import { ones_, zeros_ } from "../init.ts";
import { Module } from "../module.ts";
import { checkSizes, parameter } from "./make.ts";
import type { LayerOptions } from "./options.ts";
import { checkArray, checkNames } from "../../tensor/describe.ts";
import { namesOf } from "../functional/names.ts";
import { checkTensor } from "../../tensor/promotion.ts";

/** Options of normalisation layers. */
export interface NormLayerOptions extends LayerOptions {
  /** Added to the variance (default 1e-5). */
  readonly eps?: number;
  /** Whether there are a learned factor and summand (default true). */
  readonly affine?: boolean;
}

/** Options of batch normalisation layers. */
export interface BatchNormLayerOptions extends NormLayerOptions {
  /** Weight of each batch in the running statistics (default 0.1). */
  readonly momentum?: number;
  /** Whether running mean and variance are kept for evaluation (default true). */
  readonly trackRunningStats?: boolean;
}

const NORM = namesOf<NormLayerOptions>({
  eps: true,
  affine: true,
  dtype: true,
  device: true,
  generator: true,
});
const BATCH_NORM = [...NORM, "momentum", "trackRunningStats"];

function affineParts(
  shape: readonly number[],
  options: NormLayerOptions,
): [Tensor | null, Tensor | null] {
  if (options.affine === false) return [null, null];
  return [parameter(shape, options, ones_), parameter(shape, options, zeros_)];
}

/** Sizes that are given as an array, or as the only one. */
function sizesOf(layer: string, sizes: number | readonly number[]): readonly number[] {
  if (typeof sizes === "number") return [sizes];
  checkArray(layer, "normalizedShape", sizes, "a number or an array of them");
  return [...sizes];
}

/**
 * What {@linkcode BatchNorm1d} and {@linkcode BatchNorm2d} share.
 *
 * @example
 * ```ts
 * import { nn, ones } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const layer = new nn.BatchNorm1d(2, { momentum: 1 });
 * assert(layer instanceof nn.BatchNorm);
 * layer.call(ones([4, 2]).mul(3));
 * assertEquals(layer.runningMean!.toArray(), [3, 3]);
 * assertEquals(layer.runningVar!.toArray(), [0, 0]);
 * ```
 */
export abstract class BatchNorm extends Module {
  /** Learned factor `[numFeatures]`, or null. */
  weight: Tensor | null;
  /** Learned summand `[numFeatures]`, or null. */
  bias: Tensor | null;
  /** Running mean (a buffer), or null. */
  runningMean: Tensor | null = null;
  /** Running variance (a buffer), or null. */
  runningVar: Tensor | null = null;
  /** Number of batches seen (a buffer), or null. */
  numBatchesTracked: Tensor | null = null;
  /** Added to the variance. */
  readonly eps: number;
  /** Weight of each batch in the running statistics. */
  readonly momentum: number;

  /** Makes a layer with initial values. */
  constructor(numFeatures: number, options: BatchNormLayerOptions) {
    super();
    checkSizes(new.target.name, { numFeatures });
    checkNames(new.target.name, options, BATCH_NORM);
    const { eps = 1e-5, momentum = 0.1, trackRunningStats = true } = options;
    this.eps = eps;
    this.momentum = momentum;
    [this.weight, this.bias] = affineParts([numFeatures], options);
    if (!trackRunningStats) return;
    this.registerBuffer("runningMean", parameter([numFeatures], options, zeros_).detach());
    this.registerBuffer("runningVar", parameter([numFeatures], options, ones_).detach());
    this.registerBuffer("numBatchesTracked", tensor(0n, { dtype: "int64" }));
  }

  /** @ignore Throws unless the input has the right number of dimensions. */
  protected abstract checkInput(x: Tensor): void;

  /** Normalises each channel; in training mode it updates the running statistics in place. */
  override forward(x: Tensor): Tensor {
    checkTensor(this.constructor.name, "the operand", x);
    this.checkInput(x);
    const { runningMean, runningVar, numBatchesTracked, weight, bias, eps, momentum, training } =
      this;
    const tracked = training && numBatchesTracked !== null;
    const statistics = tracked ? [runningMean!, runningVar!, numBatchesTracked] : [];
    const before = statistics.map((statistic) => statistic.node);
    const y = batchNorm(x, runningMean, runningVar, { weight, bias, eps, momentum, training });
    if (!tracked) return y;
    withGrad(false, () => numBatchesTracked.add_(1));
    // The next optimizer step computes them along; nothing in the loss does.
    statistics.forEach((statistic, i) => holdUpdate(statistic, before[i], false));
    return y;
  }
}

/**
 * Batch normalisation of `[N, C]` or `[N, C, L]` (Ioffe & Szegedy, Batch Normalization, 2015).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const layer = new nn.BatchNorm1d(1);
 * layer.call(tensor([[1], [3]]));
 * assertAlmostEquals(layer.runningMean!.item(), 0.2, 1e-6);
 * assertEquals(layer.eval().call(tensor([[0.2]])).shape, [1, 1]);
 * ```
 */
export class BatchNorm1d extends BatchNorm {
  /**
   * Makes a layer with initial values.
   *
   * @param numFeatures number of channels
   * @param options `eps`, `momentum`, `affine`, `trackRunningStats`, `dtype`, `device`
   */
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(numFeatures, options);
  }

  /** @ignore */
  protected override checkInput(x: Tensor): void {
    if (x.ndim === 2 || x.ndim === 3) return;
    throw new ShapeError(`BatchNorm1d: got ${showShape(x.shape)}, wants [N, C] or [N, C, L].`);
  }
}

/**
 * Batch normalisation of images `[N, C, H, W]` (Ioffe & Szegedy, Batch Normalization, 2015).
 *
 * @example
 * ```ts
 * import { nn, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new nn.BatchNorm2d(3);
 * assertEquals(layer.call(ones([2, 3, 4, 4])).abs().max().item(), 0);
 * assertEquals(layer.numBatchesTracked!.item(), 1);
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  /**
   * Makes a layer with initial values.
   *
   * @param numFeatures number of channels
   * @param options `eps`, `momentum`, `affine`, `trackRunningStats`, `dtype`, `device`
   */
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(numFeatures, options);
  }

  /** @ignore */
  protected override checkInput(x: Tensor): void {
    if (x.ndim === 4) return;
    throw new ShapeError(`BatchNorm2d: got ${showShape(x.shape)}, wants [N, C, H, W].`);
  }
}

/**
 * Normalises over the last dimensions (Ba et al., Layer Normalization, 2016).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new nn.LayerNorm(2, { eps: 0 });
 * assertEquals(layer.call(tensor([[1, 3]])).toArray(), [[-1, 1]]);
 * ```
 */
export class LayerNorm extends Module {
  /** Learned factor of the normalised shape, or null. */
  weight: Tensor | null;
  /** Learned summand of the normalised shape, or null. */
  bias: Tensor | null;
  /** Sizes of the dimensions that are normalised. */
  readonly normalizedShape: readonly number[];
  /** Added to the variance. */
  readonly eps: number;

  /**
   * Makes a layer with initial values.
   *
   * @param normalizedShape size of the last dimension, or sizes of the last ones
   * @param options `eps`, `affine`, `dtype`, `device`
   */
  constructor(normalizedShape: number | readonly number[], options: NormLayerOptions = {}) {
    super();
    checkNames("LayerNorm", options, NORM);
    this.normalizedShape = sizesOf("LayerNorm", normalizedShape);
    this.eps = options.eps ?? 1e-5;
    [this.weight, this.bias] = affineParts(this.normalizedShape, options);
  }

  /** Normalises `[..., ...normalizedShape]`. */
  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }
}

/**
 * Divides by the root of the mean square over the last dimensions (B. Zhang, R. Sennrich, "Root mean
 * square layer normalization", 2019).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.RMSNorm(2, { eps: 0 }).call(tensor([[2, 2]])).toArray(), [[1, 1]]);
 * ```
 */
export class RMSNorm extends Module {
  /** Learned factor of the normalised shape, or null. */
  weight: Tensor | null;
  /** Sizes of the dimensions that are normalised. */
  readonly normalizedShape: readonly number[];
  /** Added to the mean square. */
  readonly eps: number;

  /**
   * Makes a layer with initial values.
   *
   * @param normalizedShape size of the last dimension, or sizes of the last ones
   * @param options `eps`, `affine`, `dtype`, `device`
   */
  constructor(normalizedShape: number | readonly number[], options: NormLayerOptions = {}) {
    super();
    checkNames("RMSNorm", options, NORM);
    this.normalizedShape = sizesOf("RMSNorm", normalizedShape);
    this.eps = options.eps ?? 1e-5;
    [this.weight] = affineParts(this.normalizedShape, options);
  }

  /** Normalises `[..., ...normalizedShape]`. */
  override forward(x: Tensor): Tensor {
    const { weight, eps } = this;
    return rmsNorm(x, this.normalizedShape, { weight, eps });
  }
}

/**
 * Normalises groups of channels of `[N, C, ...]` (Wu & He, Group Normalization, 2018).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new nn.GroupNorm(2, 4, { eps: 0 });
 * assertEquals(layer.call(tensor([[1, 3, 0, 4]])).toArray(), [[-1, 1, -1, 1]]);
 * ```
 */
export class GroupNorm extends Module {
  /** Learned factor `[numChannels]`, or null. */
  weight: Tensor | null;
  /** Learned summand `[numChannels]`, or null. */
  bias: Tensor | null;
  /** Number of groups. */
  readonly numGroups: number;
  /** Added to the variance. */
  readonly eps: number;

  /**
   * Makes a layer with initial values.
   *
   * @param numGroups number of groups
   * @param numChannels number of channels, a multiple of it
   * @param options `eps`, `affine`, `dtype`, `device`
   */
  constructor(numGroups: number, numChannels: number, options: NormLayerOptions = {}) {
    super();
    checkSizes("GroupNorm", { numGroups, numChannels });
    checkNames("GroupNorm", options, NORM);
    if (numChannels % numGroups !== 0) {
      throw new RangeError(
        `GroupNorm: ${numChannels} channels cannot be split into ${numGroups} groups.`,
      );
    }
    this.numGroups = numGroups;
    this.eps = options.eps ?? 1e-5;
    [this.weight, this.bias] = affineParts([numChannels], options);
  }

  /** Normalises `[N, C, ...]`. */
  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return groupNorm(x, this.numGroups, { weight, bias, eps });
  }
}
