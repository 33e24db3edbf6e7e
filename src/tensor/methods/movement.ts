/**
 * Methods of tensors: shape and order of elements.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { checkShape, normalizeAxes, normalizeAxis, showShape, sizeOf } from "../../graph/shape.ts";
import * as m from "../../primitives/movement.ts";
import { type TensorCore, wrap } from "../core.ts";
import { isViewable } from "../lie.ts";
import { ConversionMethods } from "./conversion.ts";
import { checkWhole, ownAxis, type Sizes, sizesOf } from "./operands.ts";
import { checkTensor } from "../promotion.ts";
import * as re from "../formulas/rearrange.ts";
import type { Tensor } from "../tensor.ts";
import { checkArray } from "../describe.ts";

/**
 * Reshaping, reordering and repeating. What PyTorch makes a view is one here: a change of it
 * in place changes the tensor, and is differentiated.
 *
 * @example
 * ```ts
 * import { arange, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = arange(6).view(2, 3);
 * assertEquals(x.viewAs(ones([3, 2])).shape, [3, 2]);
 * assertEquals(x.permute(1, 0).toArray(), x.mT.toArray());
 * assertEquals(x.movedim(0, 1).contiguous().shape, [3, 2]);
 * assertEquals(x.unsqueeze(0).squeeze(0).ndim, 2);
 * assertEquals(x.flatten().unflatten(0, [3, 2]).shape, [3, 2]);
 * assertEquals(x.select(0, 0).expandAs(x).shape, [2, 3]);
 * assertEquals(x.select(0, 0).broadcastTo([4, 3]).shape, [4, 3]);
 * assertEquals(arange(2).repeat(2).toArray(), [0, 1, 0, 1]);
 * assertEquals(arange(2).tile(2).toArray(), [0, 1, 0, 1]);
 * assertEquals(arange(2).repeatInterleave(2).toArray(), [0, 0, 1, 1]);
 * ```
 */
export abstract class MovementMethods extends ConversionMethods {
  /**
   * Same elements under another shape; one size may be -1 and is worked out. A view, but for a tensor
   * that is one itself and has its elements in another order in memory, as after `t()`.
   */
  reshape(...shape: Sizes): Tensor {
    const x = this.node;
    return reshaped(this, re.inferShape("reshape", x.shape, sizesOf("reshape", shape)));
  }

  /** Like `reshape`, but always a view: there are no strides that could forbid it. */
  view(...shape: Sizes): Tensor {
    const x = this.node;
    return this.viewed(x, m.reshape(x, re.inferShape("view", x.shape, sizesOf("view", shape))));
  }

  /** Same elements with the shape of `other`. */
  viewAs(other: Tensor): Tensor {
    checkTensor("viewAs", "the other", other);
    return this.view(other.shape);
  }

  /** Dimensions `startDim` to `endDim` joined into one (default: all); see `reshape`. */
  flatten(startDim = 0, endDim: number = -1): Tensor {
    const x = this.node, rank = x.shape.length;
    const from = normalizeAxis("flatten", startDim, rank);
    const to = normalizeAxis("flatten", endDim, rank);
    if (from > to) {
      throw new RangeError(`flatten: startDim ${startDim} comes after endDim ${endDim}.`);
    }
    const joined = sizeOf(x.shape.slice(from, to + 1));
    return reshaped(this, [...x.shape.slice(0, from), joined, ...x.shape.slice(to + 1)]);
  }

  /** One dimension split into several; one size may be -1. */
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    const x = this.node, axis = ownAxis("unflatten", x, dim);
    checkArray("unflatten", "sizes", sizes);
    const inner = re.inferShape("unflatten", [x.shape[axis]], sizes);
    return this.viewed(
      x,
      m.reshape(x, [...x.shape.slice(0, axis), ...inner, ...x.shape.slice(axis + 1)]),
    );
  }

  /** Without dimensions of size 1: all of them, or those named (others stay). */
  squeeze(dim?: number | readonly number[]): Tensor {
    const x = this.node;
    const axes = normalizeAxes("squeeze", dim, x.shape.length);
    return this.viewed(x, m.reshape(x, x.shape.filter((d, i) => d !== 1 || !axes.includes(i))));
  }

  /** A new dimension of size 1 before dimension `dim` (-1: at the end). */
  unsqueeze(dim: number): Tensor {
    const x = this.node, axis = normalizeAxis("unsqueeze", dim, x.shape.length + 1);
    return this.viewed(x, m.reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]));
  }

  /** Two dimensions swapped. */
  transpose(dim0: number, dim1: number): Tensor {
    const x = this.node, rank = x.shape.length;
    const a = normalizeAxis("transpose", dim0, rank), b = normalizeAxis("transpose", dim1, rank);
    if (a === b) return this.viewed(x, x);
    const perm = x.shape.map((_, i) => i === a ? b : i === b ? a : i);
    return this.viewed(x, m.permute(x, perm));
  }

  /** Dimensions in the given order, each named once. */
  permute(...dims: Sizes): Tensor {
    const x = this.node, rank = x.shape.length;
    return this.viewed(
      x,
      m.permute(x, sizesOf("permute", dims).map((d) => normalizeAxis("permute", d, rank))),
    );
  }

  /** One dimension moved to another place, the others in order. */
  movedim(source: number, destination: number): Tensor {
    const x = this.node, rank = x.shape.length;
    const from = normalizeAxis("movedim", source, rank);
    const to = normalizeAxis("movedim", destination, rank);
    const perm = x.shape.map((_, i) => i).filter((i) => i !== from);
    if (rank > 0) perm.splice(to, 0, from);
    return this.viewed(x, m.permute(x, perm));
  }

  /** Matrix transpose of at most two dimensions. */
  t(): Tensor {
    const x = this.node;
    if (x.shape.length > 2) {
      throw new ShapeError(
        `t: got ${showShape(x.shape)}, wants at most two dimensions; use transpose(-2, -1).`,
      );
    }
    return this.viewed(x, x.shape.length < 2 ? x : m.permute(x, [1, 0]));
  }

  /** The last two dimensions swapped. */
  get mT(): Tensor {
    return this.transpose(-2, -1);
  }

  /**
   * Dimensions of size 1 (and new ones in front) grown by repetition, without a copy where that is
   * possible; -1 keeps a size. In place it takes one number for all elements only.
   */
  expand(...shape: Sizes): Tensor {
    const x = this.node, given = sizesOf("expand", shape), skip = given.length - x.shape.length;
    const target = given.map((d, i) => d === -1 && i >= skip ? x.shape[i - skip] : d);
    checkShape("expand", target);
    return this.viewed(x, m.expand(x, target));
  }

  /** Grown to the shape of `other`; see `expand`. */
  expandAs(other: Tensor): Tensor {
    checkTensor("expandAs", "the other", other);
    return this.expand(other.shape);
  }

  /** Alias of `expand`. */
  broadcastTo(...shape: Sizes): Tensor {
    return this.expand(...shape);
  }

  /** The whole repeated `repeats[i]` times along dimension i. */
  repeat(...repeats: Sizes): Tensor {
    return wrap(re.repeat("repeat", this.node, sizesOf("repeat", repeats)));
  }

  /** Like `repeat`, but missing counts (in front) are 1. */
  tile(...repeats: Sizes): Tensor {
    const given = sizesOf("tile", repeats);
    const missing = Math.max(0, this.ndim - given.length);
    return wrap(re.repeat("tile", this.node, [...new Array(missing).fill(1), ...given]));
  }

  /** Each element repeated `repeats` times; without `dim` the tensor is flattened first. */
  repeatInterleave(repeats: number, dim?: number): Tensor {
    checkWhole("repeatInterleave", "repeats", repeats, 0);
    if (dim === undefined) return this.flatten().repeatInterleave(repeats, 0);
    const x = this.node, axis = ownAxis("repeatInterleave", x, dim);
    return wrap(re.repeatInterleave(x, repeats, axis));
  }
}

/** Under another shape: a view, or a copy where PyTorch has to make one. */
function reshaped(tensor: TensorCore, shape: readonly number[]): Tensor {
  const x = tensor.node, node = m.reshape(x, shape);
  return isViewable(tensor.place?.lie ?? null, shape) ? tensor.viewed(x, node) : wrap(node);
}
