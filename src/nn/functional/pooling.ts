/**
 * Pooling over windows.
 *
 * @module
 */

import type { AvgPoolOptions, MaxPoolOptions, PerDimension, PoolOptions } from "./options.ts";
import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { showShape } from "../../graph/shape.ts";
import { cast } from "../../primitives/elementwise.ts";
import { concat, narrow } from "../../primitives/movement.ts";
import { avgPool, maxPool, type PoolAttrs } from "../../primitives/pool.ts";
import { checkTensor, floating } from "../../tensor/promotion.ts";
import { mean } from "../../tensor/formulas/statistics.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { batched, each } from "./window.ts";
import { checkNames } from "../../tensor/describe.ts";
import { AVG_POOL, MAX_POOL } from "./names.ts";

function poolAttrs(
  op: string,
  rank: number,
  kernelSize: PerDimension,
  options: PoolOptions,
): Omit<PoolAttrs, "dilations"> {
  const kernel = each(op, "kernelSize", kernelSize, rank, 1);
  const strides = each(op, "stride", options.stride ?? kernel, rank, 1);
  const low = each(op, "padding", options.padding ?? 0, rank, 0);
  return { kernel, strides, low, high: low };
}

/** Throws a ShapeError unless a batch `[N, C, ...]`, which may be empty, has channels. */
function checkChannels(op: string, x: Node): void {
  if (x.shape[1] !== 0) return;
  throw new ShapeError(
    `${op}: got ${
      showShape(x.shape)
    }, wants at least one channel; only the batch (dimension 0 of ` +
      `[N, C, ...]) may be empty.`,
  );
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
  return batched(floating(x), rank, (x) => {
    checkChannels(op, x);
    // A maximum is exact in any type, and ONNX Runtime has no kernel for half precision.
    const wide = x.dtype === "float16" ? cast(x, "float32") : x;
    return cast(maxPool(wide, { ...attrs, dilations })[0], x.dtype);
  });
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
  checkTensor("maxPool1d", "the operand", x);
  checkNames("maxPool1d", options, MAX_POOL);
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
  checkTensor("maxPool2d", "the operand", x);
  checkNames("maxPool2d", options, MAX_POOL);
  return poolMax("maxPool2d", 2, x, kernelSize, options);
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
  return batched(floating(x), rank, (x) => {
    checkChannels(op, x);
    return avgPool(x, attrs, includePad);
  });
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
  checkTensor("avgPool1d", "the operand", x);
  checkNames("avgPool1d", options, AVG_POOL);
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
  checkTensor("avgPool2d", "the operand", x);
  checkNames("avgPool2d", options, AVG_POOL);
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
  checkTensor("adaptiveAvgPool2d", "the operand", x);
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
