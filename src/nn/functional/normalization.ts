/**
 * Normalisation of activations.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { numberNode } from "../../graph/leaf.ts";
import { type Node, withGrad } from "../../graph/node.ts";
import { sameShape, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { detach, reshape } from "../../primitives/movement.ts";
import { wrap } from "../../tensor/core.ts";
import { checkOptional, checkTensor, floating } from "../../tensor/promotion.ts";
import { mean } from "../../tensor/formulas/statistics.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkNames } from "../../tensor/describe.ts";

/** Options of normalisations. */
export interface NormOptions {
  /** Factor after normalising. */
  weight?: Tensor | null;
  /** Summand after that. */
  bias?: Tensor | null;
  /** Added to the variance (default 1e-5). */
  eps?: number;
}

/** Options of `batchNorm`. */
export interface BatchNormOptions extends NormOptions {
  /**
   * Normalise with the batch's own mean and variance, and update the running ones (default false).
   */
  training?: boolean;
  /** Weight of the batch in the running mean and variance (default 0.1). */
  momentum?: number;
}

interface Moments {
  readonly mean: Node;
  readonly variance: Node;
}

/**
 * Mean and plain variance over axes, which stay with size 1. The mean of what a first mean leaves over
 * takes its rounding error off, of which the result would have the more the larger the numbers are
 * against their spread: equal ones would not become 0. No derivative depends on it.
 */
function moments(x: Node, axes: Shape): Moments {
  const about = mean(x, axes, true);
  const m = p.add(about, detach(mean(p.sub(x, about), axes, true)));
  return { mean: m, variance: mean(p.square(p.sub(x, m)), axes, true) };
}

/** Throws a ShapeError unless there is a dimension to normalise over. */
function checkDimensions(op: string, normalizedShape: readonly number[]): void {
  if (Array.isArray(normalizedShape) && normalizedShape.length > 0) return;
  throw new ShapeError(
    `${op}: got normalizedShape ${
      JSON.stringify(normalizedShape)
    }, wants the sizes of at least one ` +
      `dimension, as in [16].`,
  );
}

/** (x - mean) / sqrt(variance + eps) * weight + bias; weight and bias take `shape` first. */
function standardize(
  op: string,
  x: Node,
  { mean, variance }: Moments,
  shape: Shape,
  { weight, bias, eps = 1e-5 }: NormOptions,
): Node {
  const fit = (name: string, t: Tensor) => {
    if (t.size !== sizeOf(shape)) {
      throw new ShapeError(
        `${op}: got ${name} ${showShape(t.shape)} for an input ${showShape(x.shape)}, wants ` +
          `${sizeOf(shape)} element(s).`,
      );
    }
    return p.cast(reshape(t.node, shape), x.dtype);
  };
  let scale = p.rsqrt(p.add(variance, numberNode(eps, x.dtype)));
  if (weight) scale = p.mul(scale, fit("weight", weight));
  const y = p.mul(p.sub(x, mean), scale);
  return bias ? p.add(y, fit("bias", bias)) : y;
}

/**
 * Normalises each channel (dimension 1) over the batch and all positions (S. Ioffe, C. Szegedy,
 * "Batch normalization", 2015). In training, or without running statistics, with the batch's own
 * mean and variance; the running ones are then updated in place (with the unbiased variance).
 *
 * @param x `[N, C]` or `[N, C, ...]`
 * @param runningMean vector of C, or null
 * @param runningVar vector of C, or null
 * @param options weight, bias, training, momentum, eps
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[1], [3]]);
 * const y = nn.functional.batchNorm(x, null, null, { training: true, eps: 0 });
 * assertEquals(y.toArray(), [[-1], [1]]);
 * ```
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  checkTensor("batchNorm", "the operand", x);
  checkOptional("batchNorm", "the runningMean", runningMean);
  checkOptional("batchNorm", "the runningVar", runningVar);
  checkNames("batchNorm", options, ["training", "momentum", "weight", "bias", "eps"]);
  const node = floating(x), { training = false, momentum = 0.1 } = options;
  if (node.shape.length < 2) {
    throw new ShapeError(`batchNorm: got ${showShape(node.shape)}, wants [N, C] or [N, C, ...].`);
  }
  const shape = node.shape.map((d, i) => i === 1 ? d : 1);
  if ((runningMean ?? null) === null !== ((runningVar ?? null) === null)) {
    throw new TypeError("batchNorm: got one of runningMean and runningVar, wants both or neither.");
  }
  const known = runningMean !== null && runningMean !== undefined && runningVar !== null;
  for (const running of known ? [runningMean, runningVar] : []) {
    if (running.size === node.shape[1]) continue;
    throw new ShapeError(
      `batchNorm: got running statistics ${showShape(running.shape)} for an input ` +
        `${showShape(node.shape)}, wants ${node.shape[1]} element(s), one for each channel.`,
    );
  }
  if (!training && known) {
    const fit = (t: Tensor) => p.cast(reshape(t.node, shape), node.dtype);
    const stats = { mean: fit(runningMean), variance: fit(runningVar) };
    return wrap(standardize("batchNorm", node, stats, shape, options));
  }
  const axes = node.shape.map((_, i) => i).filter((i) => i !== 1);
  const count = sizeOf(axes.map((i) => node.shape[i]));
  if (count < 2 && training) {
    throw new ShapeError(
      `batchNorm: got ${showShape(node.shape)} in training, wants more than one value for each ` +
        `channel; use a larger batch or evaluate.`,
    );
  }
  const stats = moments(node, axes);
  if (known) {
    const unbiased = p.mul(stats.variance, p.num(count / (count - 1), node));
    withGrad(false, () => {
      follow(runningMean, stats.mean, momentum);
      follow(runningVar, unbiased, momentum);
    });
  }
  return wrap(standardize("batchNorm", node, stats, shape, options));
}

/** Moves a running statistic towards that of the batch. */
function follow(running: Tensor, batch: Node, momentum: number): void {
  const now = p.cast(detach(reshape(batch, running.shape)), running.dtype);
  running.lerp_(wrap(now), momentum);
}

/**
 * Normalises over the last dimensions, whose sizes `normalizedShape` repeats (J. L. Ba, J. R.
 * Kiros, G. E. Hinton, "Layer normalization", 2016). Weight and bias have that shape.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const y = nn.functional.layerNorm(tensor([[1, 3]]), [2], { eps: 0 });
 * assertEquals(y.toArray(), [[-1, 1]]);
 * ```
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: readonly number[],
  options: NormOptions = {},
): Tensor {
  checkTensor("layerNorm", "the operand", x);
  checkNames("layerNorm", options, ["weight", "bias", "eps"]);
  checkDimensions("layerNorm", normalizedShape);
  const node = floating(x), from = node.shape.length - normalizedShape.length;
  if (from < 0 || normalizedShape.some((d, i) => d !== node.shape[from + i])) {
    throw new ShapeError(
      `layerNorm: got ${showShape(node.shape)} with normalizedShape ` +
        `${showShape(normalizedShape)}; the input must end with it.`,
    );
  }
  const axes = normalizedShape.map((_, i) => from + i);
  return wrap(standardize("layerNorm", node, moments(node, axes), normalizedShape, options));
}

/**
 * Normalises groups of channels (dimension 1) together with all their positions (Y. Wu, K. He,
 * "Group normalization", 2018). Weight and bias are vectors of C.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const y = nn.functional.groupNorm(tensor([[1, 3, 0, 4]]), 2, { eps: 0 });
 * assertEquals(y.toArray(), [[-1, 1, -1, 1]]);
 * ```
 */
export function groupNorm(x: Tensor, numGroups: number, options: NormOptions = {}): Tensor {
  checkTensor("groupNorm", "the operand", x);
  checkNames("groupNorm", options, ["weight", "bias", "eps"]);
  const node = floating(x), [n, c = 0, ...rest] = node.shape;
  if (node.shape.length < 2 || !Number.isInteger(numGroups) || numGroups < 1 || c % numGroups) {
    throw new ShapeError(
      `groupNorm: got ${
        showShape(node.shape)
      } and ${numGroups} group(s), wants [N, C, ...] with C ` +
        `a multiple of the groups.`,
    );
  }
  const grouped = reshape(node, [n, numGroups, c / numGroups, ...rest]);
  const stats = moments(grouped, grouped.shape.map((_, i) => i).slice(2));
  const shape = [1, numGroups, c / numGroups, ...rest.map(() => 1)];
  return wrap(reshape(standardize("groupNorm", grouped, stats, shape, options), node.shape));
}

/**
 * Divides by the root of the mean square over the last dimensions (B. Zhang, R. Sennrich, "Root
 * mean square layer normalization", 2019).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const y = nn.functional.rmsNorm(tensor([[2, 2]]), [2], { eps: 0 });
 * assertEquals(y.toArray(), [[1, 1]]);
 * ```
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: readonly number[],
  options: { weight?: Tensor | null; eps?: number } = {},
): Tensor {
  checkTensor("rmsNorm", "the operand", x);
  checkNames("rmsNorm", options, ["weight", "eps"]);
  const node = floating(x), { weight, eps = 1e-5 } = options;
  checkDimensions("rmsNorm", normalizedShape);
  const axes = normalizedShape.map((_, i) => node.shape.length - normalizedShape.length + i);
  if (weight && !sameShape(weight.shape, normalizedShape)) {
    throw new ShapeError(
      `rmsNorm: got weight ${showShape(weight.shape)}, wants ${showShape(normalizedShape)}, the ` +
        `normalizedShape.`,
    );
  }
  if (normalizedShape.some((d, i) => d !== node.shape[axes[i]])) {
    throw new ShapeError(
      `rmsNorm: got ${showShape(node.shape)} with normalizedShape ${showShape(normalizedShape)}; ` +
        `the input must end with it.`,
    );
  }
  const square = mean(p.square(node), axes, true);
  const y = wrap(p.mul(node, p.rsqrt(p.add(square, numberNode(eps, node.dtype)))));
  return weight ? y.mul(weight) : y;
}
