/**
 * Functions of several tensors.
 *
 * @module
 */

import { DTypeError, ShapeError } from "../graph/errors.ts";
import { broadcastShapes, normalizeAxis, sameShape, showShape } from "../graph/shape.ts";
import * as p from "../primitives/elementwise.ts";
import * as m from "../primitives/movement.ts";
import { type TensorLike, wrap } from "./core.ts";
import { alike, checkTensor, checkTensors, pair } from "./promotion.ts";
import { hotMask } from "./formulas/basic.ts";
import { choose } from "./methods/logic.ts";
import { checkWhole } from "./methods/operands.ts";
import type { Dims, ReduceOptions } from "./methods/reduction.ts";
import type { Tensor } from "./tensor.ts";
import { currentTrace } from "./trace.ts";
import { checkNames } from "./describe.ts";

export * from "./product_functions.ts";
export type * from "./types.ts";

/**
 * `a` where `condition` (bool) holds, `b` elsewhere; all three broadcast. The gradient reaches each
 * side only where it was chosen.
 *
 * @throws {DTypeError} where `condition` is not bool
 * @throws {ShapeError} where the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tensor, where } from "@torchopt/torchopt";
 *
 * const x = tensor([-1, 2]);
 * assertEquals(where(x.gt(0), x, 0).toArray(), [0, 2]);
 * ```
 */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return choose(condition, a, b);
}

/**
 * Larger of two elements; ties share the gradient evenly.
 *
 * @throws {ShapeError} where the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { maximum, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(maximum(tensor([1, 5]), 3).toArray(), [3, 5]);
 * ```
 */
export function maximum(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = pair(a, b);
  return wrap(p.maximum(x, y));
}

/**
 * Smaller of two elements; ties share the gradient evenly.
 *
 * @throws {ShapeError} where the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { minimum, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(minimum(tensor([1, 5]), 3).toArray(), [1, 3]);
 * ```
 */
export function minimum(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = pair(a, b);
  return wrap(p.minimum(x, y));
}

/**
 * Tensors one after another along an existing dimension. All other sizes must be equal.
 *
 * @throws {ShapeError} where sizes differ outside of `dim`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { concat, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(concat([tensor([1]), tensor([2, 3])]).toArray(), [1, 2, 3]);
 * ```
 */
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  const nodes = alike("concat", tensors);
  if (nodes.some((n) => n.shape.length === 0)) {
    throw new ShapeError("concat: got a scalar; stack() joins scalars along a new dimension.");
  }
  return wrap(m.concat(nodes, normalizeAxis("concat", dim, nodes[0].shape.length)));
}

/**
 * PyTorch's name for `concat`.
 *
 * @throws {ShapeError} where sizes differ outside of `dim`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cat, ones } from "@torchopt/torchopt";
 *
 * assertEquals(cat([ones([2, 1]), ones([2, 3])], 1).shape, [2, 4]);
 * ```
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  return concat(tensors, dim);
}

/**
 * Tensors of one shape side by side along a new dimension.
 *
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { stack, tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([1, 2]), y = tensor([3, 4]);
 * assertEquals(stack([x, y]).toArray(), [[1, 2], [3, 4]]);
 * assertEquals(stack([x, y], 1).toArray(), [[1, 3], [2, 4]]);
 * ```
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  const nodes = alike("stack", tensors);
  const { shape } = nodes[0];
  for (const n of nodes) {
    if (!sameShape(n.shape, shape)) {
      throw new ShapeError(
        `stack: got shapes ${showShape(shape)} and ${showShape(n.shape)}; all must be equal ` +
          `(concat() joins tensors that differ along one dimension).`,
      );
    }
  }
  const axis = normalizeAxis("stack", dim, shape.length + 1);
  const slot = [...shape.slice(0, axis), 1, ...shape.slice(axis)];
  return wrap(m.concat(nodes.map((n) => m.reshape(n, slot)), axis));
}

/**
 * Coordinates of a grid: from n vectors n tensors of the grid's shape. With `indexing: "xy"` the
 * first two dimensions are swapped (default `"ij"`).
 *
 * @throws {ShapeError} where one has more than one dimension
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arange, meshgrid } from "@torchopt/torchopt";
 *
 * const [i, j] = meshgrid([arange(2), arange(3)]);
 * assertEquals(i.toArray(), [[0, 0, 0], [1, 1, 1]]);
 * assertEquals(j.toArray(), [[0, 1, 2], [0, 1, 2]]);
 * ```
 */
export function meshgrid(
  vectors: readonly Tensor[],
  options: { indexing?: "ij" | "xy" } = {},
): Tensor[] {
  checkNames("meshgrid", options, ["indexing"]);
  for (const v of checkTensors("meshgrid", vectors)) {
    if (v.ndim > 1) {
      throw new ShapeError(`meshgrid: got ${showShape(v.shape)}, wants vectors; flatten() it.`);
    }
  }
  const shape = vectors.map((v) => v.size);
  const grid = vectors.map((v, i) => v.reshape(shape.map((d, k) => k === i ? d : 1)).expand(shape));
  return options.indexing === "xy" && vectors.length > 1
    ? grid.map((g) => g.transpose(0, 1))
    : grid;
}

/**
 * Tensors grown to their common shape.
 *
 * @throws {ShapeError} where the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { broadcastTensors, ones } from "@torchopt/torchopt";
 *
 * const [a, b] = broadcastTensors([ones([2, 1]), ones([3])]);
 * assertEquals([a.shape, b.shape], [[2, 3], [2, 3]]);
 * ```
 */
export function broadcastTensors(tensors: readonly Tensor[]): Tensor[] {
  const shape = checkTensors("broadcastTensors", tensors).map((t) => t.shape)
    .reduce((a, b) => broadcastShapes("broadcastTensors", a, b), []);
  return tensors.map((t) => t.expand(shape));
}

/**
 * `log(sum(exp(x)))` over dimensions, safe for large elements.
 *
 * @throws {RangeError} where `dim` is out of range
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { logsumexp, tensor } from "@torchopt/torchopt";
 *
 * assertAlmostEquals(logsumexp(tensor([1000, 1000])).item(), 1000.6931, 1e-3);
 * ```
 */
export function logsumexp(x: Tensor, dim?: Dims, options: ReduceOptions = {}): Tensor {
  checkTensor("logsumexp", "the operand", x);
  return x.logsumexp(dim, options);
}

/**
 * `exp(x)` divided by its sum along a dimension.
 *
 * @throws {RangeError} where `dim` is out of range
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { softmax, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(softmax(tensor([0, 0]), 0).toArray(), [0.5, 0.5]);
 * ```
 */
export function softmax(x: Tensor, dim: number): Tensor {
  checkTensor("softmax", "the operand", x);
  return x.softmax(dim);
}

/**
 * Logarithm of `softmax`.
 *
 * @throws {RangeError} where `dim` is out of range
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { logSoftmax, tensor } from "@torchopt/torchopt";
 *
 * assertAlmostEquals(logSoftmax(tensor([0, 0]), 0).sum().item(), -2 * Math.LN2, 1e-6);
 * ```
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  checkTensor("logSoftmax", "the operand", x);
  return x.logSoftmax(dim);
}

/**
 * Class numbers as rows with a single one: `[...]` to `[..., numClasses]` in int64. Without
 * `numClasses`, one more than the largest number (which computes the value). Numbers that are not
 * known yet, because they are still to be computed, give rows of zeros where they are no class.
 *
 * @throws {DTypeError} where the class numbers are no integers
 * @throws {RangeError} for a known number that is no class
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { oneHot, tensor } from "@torchopt/torchopt";
 *
 * const classes = tensor([0, 2], { dtype: "int64" });
 * assertEquals(oneHot(classes, 3).toArray(), [[1, 0, 0], [0, 0, 1]]);
 * ```
 */
export function oneHot(classes: Tensor, numClasses?: number): Tensor {
  checkTensor("oneHot", "the operand", classes);
  if (numClasses !== undefined) checkWhole("oneHot", "numClasses", numClasses, 0);
  if (classes.dtype !== "int64" && classes.dtype !== "int32") {
    throw new DTypeError(
      `oneHot: got ${classes.dtype}, wants int64 or int32; convert it with to("int64").`,
    );
  }
  const { storage } = classes.node;
  let n = numClasses ?? 0;
  const known = storage !== null && storage.onHost && currentTrace() === null;
  if (known || numClasses === undefined) {
    for (const v of classes.data()) {
      const c = Number(v);
      if (numClasses === undefined) n = Math.max(n, c + 1);
      if (c < 0 || c >= n) {
        throw new RangeError(
          `oneHot: got the class number ${c}, wants one from 0` +
            (numClasses === undefined ? "." : ` to ${n - 1}, for numClasses ${n}.`),
        );
      }
    }
  }
  return wrap(p.cast(hotMask(p.cast(classes.node, "int64"), n), "int64"));
}
