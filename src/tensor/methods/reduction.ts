/**
 * Methods of tensors: reductions.
 *
 * @module
 */

import { defaultDtype } from "../../graph/defaults.ts";
import { DTypeError, ShapeError } from "../../graph/errors.ts";
import { isFloat, type Node } from "../../graph/node.ts";
import { normalizeAxes, normalizeAxis, showShape, sizeOf } from "../../graph/shape.ts";
import { cumsum } from "../../primitives/cumsum.ts";
import * as p from "../../primitives/elementwise.ts";
import { reshape } from "../../primitives/movement.ts";
import * as order from "../../primitives/order.ts";
import { cumprod } from "../../primitives/products.ts";
import * as r from "../../primitives/reduce.ts";
import { logSoftmax, logsumexp, softmax } from "../../primitives/softmax.ts";
import { type TensorCore, wrap } from "../core.ts";
import { LogicMethods } from "./logic.ts";
import { floatOf } from "./operands.ts";
import * as s from "../formulas/statistics.ts";
import type { Tensor } from "../tensor.ts";
import { checkNames, checkNumber, describe } from "../describe.ts";

/**
 * Dimensions of a reduction: one, several (of an empty list none), or (undefined, null) all. Negative
 * ones count from the end.
 */
export type Dims = number | readonly number[] | null;

/** Options of a reduction. */
export interface ReduceOptions {
  /** Keep reduced dimensions with size 1 (default false). */
  keepdim?: boolean;
}

/** Options of `var` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /**
   * Taken off the number of elements: 1 (default) gives the unbiased estimate, 0 the plain mean.
   */
  correction?: number;
}

/** Elements and the places (int64) they came from. */
export interface ValuesAndIndices {
  /** The elements. */
  readonly values: Tensor;
  /** Their places along the dimension. */
  readonly indices: Tensor;
}

const KEEPDIM = ["keepdim"], VARIANCE = ["keepdim", "correction"];

/** A reduction of nodes over axes. */
type Reduction = (x: Node, axes: readonly number[], keepdim: boolean) => Node;

function over(
  op: string,
  x: Node,
  dim: Dims | undefined,
  options: ReduceOptions,
  fn: Reduction,
): Tensor {
  checkNames(op, options, op === "var" || op === "std" ? VARIANCE : KEEPDIM);
  return wrap(fn(x, normalizeAxes(op, dim, x.shape.length), options.keepdim ?? false));
}

/** An extremum for every dtype: those without an order of their own go through int32. */
function inOrder(fn: Reduction): Reduction {
  return (x, axes, keepdim) => p.cast(fn(s.orderable(x), axes, keepdim), x.dtype);
}

/** A mean for every dtype: that of whole numbers is computed in float64 and rounded once. */
function inReal(fn: Reduction): Reduction {
  return (x, axes, keepdim) =>
    isFloat(x.dtype)
      ? fn(x, axes, keepdim)
      : p.cast(fn(p.cast(x, "float64"), axes, keepdim), defaultDtype());
}

/**
 * Reductions over one, several or all dimensions. A `dim` out of range is a RangeError.
 *
 * @example
 * ```ts
 * import { tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[1, 5], [3, 0]]);
 * assertEquals([x.prod().item(), x.amax().item(), x.amin().item()], [0, 5, 0]);
 * assertEquals(x.argmax(1).toArray(), [1, 0]);
 * assertEquals(x.argmin().item(), 3);
 * assertEquals(x.cumsum(1).toArray(), [[1, 6], [3, 3]]);
 * assertEquals(x.cumprod(0).toArray(), [[1, 5], [3, 0]]);
 * assertEquals(x.median(1).values.toArray(), [1, 0]);
 * assertEquals([x.any().item(), x.countNonzero().item()], [1, 3]);
 * ```
 */
export abstract class ReductionMethods extends LogicMethods {
  /** Sum; booleans and small integers count in int64. */
  sum(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("sum", s.countable(this.node), dim, options, r.sum);
  }

  /** Arithmetic mean, in floating point; of whole numbers, computed in float64 and then rounded. */
  mean(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("mean", this.node, dim, options, inReal(s.mean));
  }

  /** Product; right derivatives also where elements are 0. */
  prod(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("prod", s.countable(this.node), dim, options, r.prod);
  }

  /** Largest element; ties share the gradient evenly. Throws a ShapeError where there is none. */
  amax(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("amax", this.node, dim, options, inOrder(r.amax));
  }

  /** Smallest element; ties share the gradient evenly. Throws a ShapeError where there is none. */
  amin(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("amin", this.node, dim, options, inOrder(r.amin));
  }

  /** Largest of all elements; ties share the gradient evenly. */
  max(): Tensor;
  /** Largest element along a dimension and its place; the gradient goes to that one place. */
  max(dim: number, options?: ReduceOptions): ValuesAndIndices;
  max(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    return dim === undefined ? this.amax() : extremum(this, "max", dim, options, true);
  }

  /** Smallest of all elements; ties share the gradient evenly. */
  min(): Tensor;
  /** Smallest element along a dimension and its place; the gradient goes to that one place. */
  min(dim: number, options?: ReduceOptions): ValuesAndIndices;
  min(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    return dim === undefined ? this.amin() : extremum(this, "min", dim, options, false);
  }

  /** Place (int64) of the largest element along a dimension, or in the flattened tensor. */
  argmax(dim?: number | null, options: ReduceOptions = {}): Tensor {
    return argOver("argmax", this.node, dim, options, order.argmax);
  }

  /** Place (int64) of the smallest element along a dimension, or in the flattened tensor. */
  argmin(dim?: number | null, options: ReduceOptions = {}): Tensor {
    return argOver("argmin", this.node, dim, options, order.argmin);
  }

  /**
   * Variance; of whole numbers, computed in float64 and then rounded.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * const x = tensor([1, 2, 3]);
   * assertEquals(x.var().item(), 1);
   * assertEquals(x.sub(2).var(null, { correction: 0 }).mul(3).item(), 2);
   * ```
   */
  var(dim?: Dims, options: VarianceOptions = {}): Tensor {
    const correction = correctionOf("var", options);
    const variance: Reduction = (x, axes, keepdim) => s.variance(x, axes, keepdim, correction);
    return over("var", this.node, dim, options, inReal(variance));
  }

  /** Standard deviation; derivative 0 where it is 0. See `var`. */
  std(dim?: Dims, options: VarianceOptions = {}): Tensor {
    const correction = correctionOf("std", options);
    const deviation: Reduction = (x, axes, keepdim) => s.deviation(x, axes, keepdim, correction);
    return over("std", this.node, dim, options, inReal(deviation));
  }

  /**
   * p-norm: `(sum of |x| ** p) ** (1 / p)`. `p` is any number, `Infinity` (or `"inf"`) for the
   * largest magnitude, 0 for the count of non-zero elements, `"fro"` for 2 (the default). The
   * derivative of the 2-norm at 0 is 0.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * const x = tensor([[3, -4], [0, 0]]);
   * assertEquals(x.norm().item(), 5);
   * assertEquals(x.norm(1, 1).toArray(), [7, 0]);
   * ```
   */
  norm(p: number | "inf" | "-inf" | "fro" = 2, dim?: Dims, options: ReduceOptions = {}): Tensor {
    const kind = p === "inf" ? Infinity : p === "-inf" ? -Infinity : p === "fro" ? 2 : p;
    if (typeof kind !== "number" || Number.isNaN(kind)) {
      throw new TypeError(`norm: got p = ${describe(p)}, wants a number, "inf", "-inf" or "fro".`);
    }
    if (!isFloat(this.dtype)) {
      throw new DTypeError(
        `norm: got ${this.dtype}, wants a floating-point tensor; convert it with to("float32").`,
      );
    }
    return over(
      "norm",
      this.node,
      dim,
      options,
      (x, axes, keepdim) => s.norm(x, kind, axes, keepdim),
    );
  }

  /** `log(sum(exp(this)))`, safe for large elements. */
  logsumexp(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("logsumexp", floatOf(this), dim, options, logsumexp);
  }

  /** `exp(this)` divided by its sum along a dimension. */
  softmax(dim: number): Tensor {
    const x = floatOf(this);
    const axis = normalizeAxis("softmax", dim, x.shape.length);
    return wrap(softmax(x, x.shape.length === 0 ? [] : [axis]));
  }

  /** Logarithm of `softmax`, accurate where that is tiny. */
  logSoftmax(dim: number): Tensor {
    const x = floatOf(this);
    const axis = normalizeAxis("logSoftmax", dim, x.shape.length);
    return wrap(logSoftmax(x, x.shape.length === 0 ? [] : [axis]));
  }

  /** Running sum along a dimension. */
  cumsum(dim: number): Tensor {
    return along("cumsum", s.countable(this.node), dim, (x, axis) => cumsum(x, axis));
  }

  /** Running product along a dimension; right derivatives also where elements are 0. */
  cumprod(dim: number): Tensor {
    return along("cumprod", s.countable(this.node), dim, cumprod);
  }

  /** Whether all elements are true (not 0); over nothing, true. */
  all(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("all", this.node, dim, options, s.all);
  }

  /** Whether any element is true (not 0); over nothing, false. */
  any(dim?: Dims, options: ReduceOptions = {}): Tensor {
    return over("any", this.node, dim, options, s.any);
  }

  /** Number of elements that are not 0 (int64). */
  countNonzero(dim?: Dims): Tensor {
    return over("countNonzero", p.cast(s.truth(this.node), "int64"), dim, {}, r.sum);
  }

  /** The middle of all elements in order (the lower one of two); NaN where one is NaN. */
  median(): Tensor;
  /** The middle element along a dimension (the lower one of two), or the first NaN, and its place. */
  median(dim: number, options?: ReduceOptions): ValuesAndIndices;
  median(dim?: number, options: ReduceOptions = {}): Tensor | ValuesAndIndices {
    checkNames("median", options, KEEPDIM);
    if (dim === undefined) {
      const flat = wrap(reshape(this.node, [this.size]));
      return flat.median(0).values;
    }
    const axis = normalizeAxis("median", dim, this.ndim), size = this.shape[axis] ?? 1;
    if (size === 0) {
      throw new ShapeError(
        `median: dimension ${axis} of ${showShape(this.shape)} is empty; a median needs at least ` +
          `one element.`,
      );
    }
    const x = this.ndim === 0 ? reshape(this.node, [1]) : this.node;
    const [values, indices] = s.median(x, axis).map((y) => {
      const middle = wrap(y);
      return options.keepdim && this.ndim > 0 ? middle : middle.squeeze(axis);
    });
    return { values, indices };
  }
}

function extremum(
  tensor: TensorCore,
  op: string,
  dim: number,
  options: ReduceOptions,
  largest: boolean,
): ValuesAndIndices {
  checkNames(op, options, KEEPDIM);
  const x = tensor.node;
  const axis = normalizeAxis(op, dim, x.shape.length);
  const [values, indices] = s.extremumAlong(x, axis, options.keepdim ?? false, largest);
  return { values: wrap(values), indices: wrap(indices) };
}

function correctionOf(op: string, options: VarianceOptions): number {
  checkNames(op, options, VARIANCE);
  const { correction = 1 } = options;
  checkNumber(op, "correction", correction);
  return correction;
}

function along(op: string, x: Node, dim: number, fn: (x: Node, axis: number) => Node): Tensor {
  const axis = normalizeAxis(op, dim, x.shape.length);
  return wrap(x.shape.length === 0 ? x : fn(x, axis));
}

function argOver(
  op: string,
  node: Node,
  dim: number | null | undefined,
  options: ReduceOptions,
  fn: (x: Node, axis: number, keepdim: boolean) => Node,
): Tensor {
  checkNames(op, options, KEEPDIM);
  const { keepdim = false } = options;
  const x = s.orderable(node), rank = x.shape.length;
  if (dim !== undefined && dim !== null) {
    const axis = normalizeAxis(op, dim, rank);
    if (rank > 0) return wrap(fn(x, axis, keepdim));
  }
  const at = fn(reshape(x, [sizeOf(x.shape)]), 0, false);
  return wrap(keepdim ? reshape(at, x.shape.map(() => 1)) : at);
}
