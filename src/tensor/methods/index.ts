/**
 * Methods of tensors: elements chosen by number or by mask, and order.
 *
 * @module
 */

import { type DType, Storage } from "../../runtime/mod.ts";
import { DTypeError, ShapeError } from "../../graph/errors.ts";
import { bufferNode } from "../../graph/leaf.ts";
import type { Node } from "../../graph/node.ts";
import {
  broadcastShapes,
  contiguousStrides,
  normalizeAxis,
  sameShape,
  showShape,
} from "../../graph/shape.ts";
import { add, cast } from "../../primitives/elementwise.ts";
import * as ix from "../../primitives/index.ts";
import * as m from "../../primitives/movement.ts";
import * as order from "../../primitives/order.ts";
import { scatter } from "../../primitives/scatter.ts";
import { type TensorLike, wrap } from "../core.ts";
import { checkTensor, lift, nodeOf } from "../promotion.ts";
import { ArrangementMethods } from "./arrangement.ts";
import type { ReadingMethods } from "./reading.ts";
import { ownAxis } from "./operands.ts";
import type { ValuesAndIndices } from "./reduction.ts";
import { orderable } from "../formulas/statistics.ts";
import { checkSameType } from "../stores.ts";
import type { Tensor } from "../tensor.ts";
import { checkNames } from "../describe.ts";

/**
 * Elements chosen by number. Indices are int64 or int32 tensors; one out of range is an error of
 * the runtime when the value is computed.
 *
 * @example
 * ```ts
 * import { arange, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = arange(6).reshape(2, 3), ids = tensor([2, 0], { dtype: "int64" });
 * assertEquals(x.take(ids).toArray(), [2, 0]);
 * assertEquals(x.index(tensor([1], { dtype: "int64" })).toArray(), [[3, 4, 5]]);
 * assertEquals(x.takeAlongDim(x.argsort(1, { descending: true }), 1).toArray(), [[2, 1, 0], [
 *   5,
 *   4,
 *   3,
 * ]]);
 * assertEquals(x.topk(1).values.toArray(), [[2], [5]]);
 * assertEquals(x.indexFill(1, ids, 9).toArray(), [[9, 1, 9], [9, 4, 9]]);
 * assertEquals(x.indexCopy(1, ids, x.narrow(1, 0, 2)).toArray(), [[1, 1, 0], [4, 4, 3]]);
 * assertEquals(x.indexAdd(1, ids, x.narrow(1, 0, 2)).toArray(), [[1, 1, 2], [7, 4, 8]]);
 * assertEquals(x.maskedSelect(x.gt(3)).toArray(), [4, 5]);
 * assertEquals(tensor([0, 7]).nonzero().toArray(), [[1]]);
 * ```
 */
export abstract class IndexMethods extends ArrangementMethods {
  /**
   * Positions `index` (a vector) of a dimension, in that order. Negative numbers count from the
   * end.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * const x = tensor([[1, 2], [3, 4], [5, 6]]);
   * const rows = tensor([2, 0], { dtype: "int64" });
   * assertEquals(x.indexSelect(0, rows).toArray(), [[5, 6], [1, 2]]);
   * ```
   */
  indexSelect(dim: number, index: Tensor): Tensor {
    const x = this.node, at = nodeOf("indexSelect", "the index", index);
    if (at.shape.length > 1) {
      throw new ShapeError(
        `indexSelect: the index is ${showShape(at.shape)}, wants a vector; flatten() it, or use ` +
          `take() or gather().`,
      );
    }
    const list = at.shape.length === 0 ? m.reshape(at, [1]) : at;
    return wrap(ix.indexSelect(x, normalizeAxis("indexSelect", dim, x.shape.length), list));
  }

  /**
   * Positions of the first dimension, chosen by an index of any shape: `this[index]`. A copy; to
   * assign to positions, use `indexCopy_`, `indexFill_` or `scatter_`. The result
   * has the shape `[...index.shape, ...this.shape.slice(1)]`.
   */
  index(index: Tensor): Tensor {
    return wrap(ix.indexSelect(this.node, 0, nodeOf("index", "the index", index)));
  }

  /** Elements of the flattened tensor at `index`, in its shape. */
  take(index: Tensor): Tensor {
    const at = nodeOf("take", "the index", index);
    return wrap(ix.indexSelect(m.reshape(this.node, [this.size]), 0, at));
  }

  /**
   * For each element of `index` the element of `this` at the same place, with position `dim`
   * replaced by the index: `out[i][j] = this[index[i][j]][j]` for `dim` 0.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * const x = tensor([[1, 2], [3, 4]]);
   * const at = tensor([[1], [0]], { dtype: "int64" });
   * assertEquals(x.gather(1, at).toArray(), [[2], [3]]);
   * ```
   */
  gather(dim: number, index: Tensor): Tensor {
    const x = this.node, at = nodeOf("gather", "the index", index);
    return wrap(ix.gather(x, normalizeAxis("gather", dim, x.shape.length), at));
  }

  /** Like `gather`, but index and tensor broadcast outside of `dim`; without `dim` it is `take`. */
  takeAlongDim(index: Tensor, dim?: number): Tensor {
    checkTensor("takeAlongDim", "the index", index);
    if (dim === undefined) return this.take(index.flatten());
    const x = this.node, at = index.node, rank = x.shape.length;
    const axis = normalizeAxis("takeAlongDim", dim, rank);
    if (at.shape.length !== rank) {
      throw new ShapeError(
        `takeAlongDim: the index ${showShape(at.shape)} needs as many dimensions as ` +
          `${showShape(x.shape)}; unsqueeze() it.`,
      );
    }
    const without = (shape: readonly number[]) => shape.map((d, i) => i === axis ? 1 : d);
    const common = broadcastShapes("takeAlongDim", without(x.shape), without(at.shape));
    const wide = (y: Node) => m.expand(y, common.map((d, i) => i === axis ? y.shape[i] : d));
    return wrap(ix.gather(wide(x), axis, wide(at)));
  }

  /**
   * A copy with the elements that `index` names along a dimension replaced by those of `src` (a
   * tensor of the same dtype and at least as large as `index`, or a number). Where a place is
   * named twice, one of them stays.
   */
  scatter(dim: number, index: Tensor, src: TensorLike): Tensor {
    const x = this.node, at = nodeOf("scatter", "the index", index);
    const axis = normalizeAxis("scatter", dim, x.shape.length);
    return wrap(scatter(x, axis, at, source("scatter", src, x, at)));
  }

  /**
   * A copy with elements of `src` added at the places that `index` names along a dimension; places
   * named twice accumulate.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { ones, tensor, zeros } from "@torchopt/torchopt";
   *
   * const at = tensor([0, 2, 0], { dtype: "int64" });
   * assertEquals(zeros([3]).scatterAdd(0, at, ones([3])).toArray(), [2, 0, 1]);
   * ```
   */
  scatterAdd(dim: number, index: Tensor, src: TensorLike): Tensor {
    const x = this.node, at = nodeOf("scatterAdd", "the index", index);
    const axis = normalizeAxis("scatterAdd", dim, x.shape.length);
    return wrap(ix.scatterAdd(x, axis, at, source("scatterAdd", src, x, at)));
  }

  /** A copy with slices of `src` added at the positions `index` (a vector) of a dimension. */
  indexAdd(dim: number, index: Tensor, src: Tensor): Tensor {
    const x = this.node, axis = normalizeAxis("indexAdd", dim, x.shape.length);
    const at = nodeOf("indexAdd", "the index", index), y = nodeOf("indexAdd", "the source", src);
    checkSameType("indexAdd", y.dtype, x.dtype);
    return wrap(add(x, ix.indexAdd(x.shape, axis, at, y)));
  }

  /**
   * A copy with the positions `index` (a vector) of a dimension replaced by those of `src`, in that
   * order. In place, `indexCopy_` assigns to rows by number: PyTorch's `x[index] = y` is
   * `x.indexCopy_(0, index, y)`.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor, zeros } from "@torchopt/torchopt";
   *
   * const rows = tensor([2, 0], { dtype: "int64" }), x = zeros([3, 2]);
   * x.indexCopy_(0, rows, tensor([[1, 2], [3, 4]]));
   * assertEquals(x.toArray(), [[3, 4], [0, 0], [1, 2]]);
   * ```
   */
  indexCopy(dim: number, index: Tensor, src: Tensor): Tensor {
    const x = this.node, y = nodeOf("indexCopy", "the source", src);
    const { axis, at, shape } = positions("indexCopy", x, dim, index);
    if (!sameShape(y.shape, shape)) {
      throw new ShapeError(
        `indexCopy: the source is ${showShape(y.shape)}, wants ${showShape(shape)}: ` +
          `${showShape(x.shape)} with one position along dimension ${axis} for each number.`,
      );
    }
    return wrap(scatter(x, axis, at, source("indexCopy", src, x, at)));
  }

  /** A copy with a number at the positions `index` (a vector) of a dimension. */
  indexFill(dim: number, index: Tensor, value: number | boolean): Tensor {
    const x = this.node, { axis, at } = positions("indexFill", x, dim, index);
    return wrap(scatter(x, axis, at, source("indexFill", value, x, at)));
  }

  // -------------------------------------------------------------- order

  /** The `k` largest (or smallest) elements along a dimension in order, and their places. */
  topk(k: number, options: { dim?: number; largest?: boolean } = {}): ValuesAndIndices {
    checkNames("topk", options, ["dim", "largest"]);
    const { dim = -1, largest = true } = options;
    const x = ordered("topk", this.node);
    const axis = normalizeAxis("topk", dim, x.shape.length);
    return named(order.topk(x, k, axis, largest), this.dtype);
  }

  /** Elements along a dimension in order, and their places. Equal elements keep their order. */
  sort(dim: number = -1, options: { descending?: boolean } = {}): ValuesAndIndices {
    checkNames("sort", options, ["descending"]);
    const x = ordered("sort", this.node);
    const axis = normalizeAxis("sort", dim, x.shape.length);
    return named(order.sort(x, axis, options.descending ?? false), this.dtype);
  }

  /** Places (int64) of the elements along a dimension in order. */
  argsort(dim: number = -1, options: { descending?: boolean } = {}): Tensor {
    return this.sort(dim, options).indices;
  }

  // -------------------------------------------------------------- masks

  /**
   * Places of the elements that are not 0, one row each (int64 `[n, ndim]`). The shape depends on
   * the values, so they are computed at once.
   */
  nonzero(): Tensor {
    const places = placesIn(this), { shape } = this;
    const strides = contiguousStrides(shape);
    const out = new BigInt64Array(places.length * shape.length);
    places.forEach((at, row) => {
      shape.forEach((d, i) => {
        out[row * shape.length + i] = BigInt(Math.floor(at / strides[i]) % d);
      });
    });
    return wrap(bufferNode(Storage.from(out, "int64", this.device), [places.length, shape.length]));
  }

  /**
   * Elements where `mask` (bool, same shape or broadcast) holds, as a vector. Its length depends on
   * the mask, which is computed at once; the elements stay differentiable.
   */
  maskedSelect(mask: Tensor): Tensor {
    checkTensor("maskedSelect", "the mask", mask);
    if (mask.dtype !== "bool") {
      throw new DTypeError(
        `maskedSelect: the mask is ${mask.dtype}, wants bool; compare first, as in x.ne(0).`,
      );
    }
    const shape = broadcastShapes("maskedSelect", this.shape, mask.shape);
    const wide = this.expand(shape), at = placesIn(mask.expand(shape));
    const index = BigInt64Array.from(at, BigInt);
    return wide.take(
      wrap(bufferNode(Storage.from(index, "int64", this.device), [at.length])),
    );
  }
}

/** Places of the elements that are not 0. */
function placesIn(x: ReadingMethods): number[] {
  const places: number[] = [];
  x.data().forEach((v, i) => {
    if (Number(v) !== 0) places.push(i);
  });
  return places;
}

/** Positions of a dimension, as places of all elements there. */
function positions(op: string, x: Node, dim: number, index: Tensor) {
  const axis = ownAxis(op, x, dim), list = nodeOf(op, "the index", index);
  if (list.shape.length !== 1) {
    throw new ShapeError(
      `${op}: the index is ${showShape(list.shape)}, wants a vector; flatten() it.`,
    );
  }
  const shape = x.shape.map((d, i) => i === axis ? list.shape[0] : d);
  const at = m.expand(
    m.reshape(list, x.shape.map((_, i) => i === axis ? list.shape[0] : 1)),
    shape,
  );
  return { axis, at, shape };
}

/** What is scattered: a number for every place, or a tensor cut to the size of the index. */
function source(op: string, src: TensorLike, x: Node, index: Node): Node {
  const node = lift(src, x.dtype, op);
  checkSameType(op, node.dtype, x.dtype);
  if (typeof src !== "object") return m.expand(node, index.shape);
  if (sameShape(node.shape, index.shape)) return node;
  if (
    node.shape.length !== index.shape.length || node.shape.some((d, i) => d < index.shape[i])
  ) {
    throw new ShapeError(
      `${op}: the source ${showShape(node.shape)} is smaller than the index ` +
        `${showShape(index.shape)}; it needs an element for each.`,
    );
  }
  return m.slice(node, {
    starts: node.shape.map(() => 0),
    sizes: index.shape,
    steps: node.shape.map(() => 1),
  });
}

function ordered(op: string, x: Node): Node {
  if (x.shape.length === 0) {
    throw new ShapeError(`${op}: got a scalar, wants at least one dimension; unsqueeze(0) it.`);
  }
  return orderable(x);
}

function named([values, indices]: [Node, Node], dtype: DType): ValuesAndIndices {
  return { values: wrap(cast(values, dtype)), indices: wrap(indices) };
}
