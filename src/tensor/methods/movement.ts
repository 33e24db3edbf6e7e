/**
 * Methods of tensors: shape and order of elements.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { checkShape, normalizeAxes, normalizeAxis, showShape, sizeOf } from "../../graph/shape.ts";
import * as m from "../../primitives/movement.ts";
import { type TensorCore, wrap } from "../core.ts";
import { checkRepresentable } from "../integer_range.ts";
import { isViewable } from "../lie.ts";
import { ConversionMethods } from "./conversion.ts";
import { checkWhole, ownAxis, type Sizes, sizesOf } from "./operands.ts";
import { checkTensor } from "../promotion.ts";
import * as re from "../formulas/rearrange.ts";
import type { Tensor } from "../tensor.ts";
import { checkArray, checkNames, checkNumber, describe } from "../describe.ts";

/** What one dimension of `slice` keeps: everything (null), one index, or `[start, end, step]`. */
export type SliceSpec =
  | number
  | null
  | readonly [start?: number | null, end?: number | null, step?: number];

/** Options of `pad`. */
export interface PadOptions {
  /** What the border holds (default `"constant"`). */
  mode?: re.PadMode;
  /** The constant (default 0). */
  value?: number;
}

/**
 * Reshaping, reordering, cutting and repeating. What PyTorch makes a view is one here: a change of it
 * in place changes the tensor, and is differentiated.
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

  // -------------------------------------------------------------- cutting

  /**
   * A regular sub-grid: for each dimension an index (which removes the dimension), `null` for all
   * of it, or `[start, end, step]`. Negative positions count from the end, missing ones mean the
   * border, a negative step walks backwards. Dimensions not mentioned stay whole.
   *
   * It is a view, so that a change of it in place assigns to a part of the tensor: PyTorch's
   * `x[1:, ::2] = y` is `x.slice([[1], [0, null, 2]]).copy_(y)`.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { arange } from "@torchopt/torchopt";
   *
   * const x = arange(12).reshape(3, 4);
   * assertEquals(x.slice([[1, null], [0, null, 2]]).toArray(), [[4, 6], [8, 10]]);
   * assertEquals(x.slice([-1]).toArray(), [8, 9, 10, 11]);
   *
   * x.slice([0, [1, 3]]).fill_(-1);
   * assertEquals(x.toArray(), [[0, -1, -1, 3], [4, 5, 6, 7], [8, 9, 10, 11]]);
   * ```
   */
  slice(specs: readonly SliceSpec[]): Tensor {
    const x = this.node;
    if (!Array.isArray(specs)) {
      throw new TypeError(
        `slice: got ${String(specs)}, wants an array with an entry for each dimension, as in ` +
          `x.slice([[0, 2]]); narrow(dim, start, length) cuts one.`,
      );
    }
    if (specs.length > x.shape.length) {
      throw new ShapeError(
        `slice: got ${specs.length} entries for ${showShape(x.shape)}; give at most one for each ` +
          `dimension.`,
      );
    }
    const cuts = x.shape.map((d, i) => cut("slice", specs[i] ?? null, d, i));
    const y = m.slice(x, {
      starts: cuts.map((c) => c.start),
      sizes: cuts.map((c) => c.size),
      steps: cuts.map((c) => c.step),
    });
    return this.viewed(x, m.reshape(y, y.shape.filter((_, i) => typeof specs[i] !== "number")));
  }

  /** `length` elements of a dimension from `start` (negative: from the end). */
  narrow(dim: number, start: number, length: number): Tensor {
    const x = this.node, axis = ownAxis("narrow", x, dim), size = x.shape[axis];
    checkWhole("narrow", "start", start);
    checkWhole("narrow", "length", length, 0);
    const from = start < 0 ? start + size : start;
    if (from < 0 || from + length > size) {
      throw new RangeError(
        `narrow: dimension ${axis} of ${showShape(x.shape)} has no ${length} element(s) from ` +
          `${start}; start is from ${-size} to ${size}, and what follows has to be enough.`,
      );
    }
    return this.viewed(x, m.narrow(x, axis, from, length));
  }

  /** Position `index` of a dimension (negative: from the end); the dimension goes away. */
  select(dim: number, index: number): Tensor {
    const x = this.node, axis = ownAxis("select", x, dim);
    const { start } = cut("select", index, x.shape[axis], axis);
    const y = m.narrow(x, axis, start, 1);
    return this.viewed(x, m.reshape(y, y.shape.filter((_, i) => i !== axis)));
  }

  /** Pieces of the given size (the last may be smaller) or sizes along a dimension. */
  split(size: number | readonly number[], dim = 0): Tensor[] {
    const x = this.node, axis = ownAxis("split", x, dim), n = x.shape[axis];
    if (typeof size !== "number") checkArray("split", "size", size, "a number or an array of them");
    if (typeof size === "number") checkWhole("split", "a size", size, 1);
    else size.forEach((d) => checkWhole("split", "a size", d, 0));
    // Of nothing there is one piece too.
    const sizes = typeof size === "number"
      ? Array.from({ length: Math.ceil(n / size) || 1 }, (_, i) => Math.min(size, n - i * size))
      : size;
    if (sizes.reduce((a, b) => a + b, 0) !== n) {
      throw new ShapeError(
        `split: sizes ${showShape(sizes)} must add up to ${n}, the size of dimension ${axis} of ` +
          `${showShape(x.shape)}.`,
      );
    }
    let at = 0;
    return sizes.map((d) => {
      at += d;
      return this.viewed(x, m.narrow(x, axis, at - d, d));
    });
  }

  /** At most `count` pieces of equal size (the last may be smaller) along a dimension. */
  chunk(count: number, dim = 0): Tensor[] {
    const n = this.shape[ownAxis("chunk", this.rawNode, dim)];
    checkWhole("chunk", "the count", count, 1);
    if (n === 0) return this.split(new Array<number>(count).fill(0), dim);
    return this.split(Math.ceil(n / count), dim);
  }

  /** The positions of a dimension as separate tensors. */
  unbind(dim = 0): Tensor[] {
    const n = this.shape[ownAxis("unbind", this.rawNode, dim)];
    return Array.from({ length: n }, (_, i) => this.select(dim, i));
  }

  /**
   * Windows of `size` elements along a dimension, `step` apart, as a new last dimension. Where they
   * overlap, a change in place takes one number for all elements only.
   */
  unfold(dim: number, size: number, step: number): Tensor {
    const x = this.node;
    checkWhole("unfold", "size", size, 1);
    checkWhole("unfold", "step", step, 1);
    const axis = ownAxis("unfold", x, dim);
    return this.viewed(x, re.unfold(x, axis, size, step), { axis, size, step });
  }

  // -------------------------------------------------------------- borders and order

  /**
   * A border around the tensor, in PyTorch's order: `[left, right]` of the last dimension, then of
   * the one before it, and so on. Negative counts crop.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * assertEquals(tensor([1, 2, 3]).pad([1, 2]).toArray(), [0, 1, 2, 3, 0, 0]);
   * assertEquals(tensor([1, 2, 3]).pad([2, 0], { mode: "reflect" }).toArray(), [3, 2, 1, 2, 3]);
   * ```
   */
  pad(borders: readonly number[], options: PadOptions = {}): Tensor {
    checkArray("pad", "borders", borders);
    checkNames("pad", options, ["mode", "value"]);
    const x = this.node, rank = x.shape.length;
    if (
      borders.length % 2 !== 0 || borders.length > 2 * rank || !borders.every(Number.isInteger)
    ) {
      throw new ShapeError(
        `pad: got borders ${showShape(borders)} for ${
          showShape(x.shape)
        }; give two whole numbers ` +
          `for each dimension, the last dimension first.`,
      );
    }
    const side = (s: number) => x.shape.map((_, i) => borders[2 * (rank - 1 - i) + s] ?? 0);
    const { mode = "constant", value = 0 } = options;
    checkNumber("pad", "value", value);
    if (mode === "constant") checkRepresentable("pad", value, x.dtype);
    return wrap(re.pad(x, side(0), side(1), mode, value));
  }

  /** Dimensions in reversed order of elements. */
  flip(...dims: Sizes): Tensor {
    const x = this.node;
    return wrap(m.flip(x, normalizeAxes("flip", sizesOf("flip", dims), x.shape.length)));
  }

  /** Elements moved along dimensions; those that fall off come back at the other end. */
  roll(shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
    if (dims === undefined) {
      return this.flatten().roll(shifts, 0).reshape(this.shape);
    }
    const by = typeof shifts === "number" ? [shifts] : shifts;
    const along = typeof dims === "number" ? [dims] : dims;
    checkArray("roll", "shifts", by, "a number or an array of them");
    checkArray("roll", "dims", along, "a number or an array of them");
    if (by.length !== along.length) {
      throw new RangeError(
        `roll: got ${by.length} shift(s) for ${along.length} dimension(s); give one for each.`,
      );
    }
    const x = this.node;
    by.forEach((shift) => checkWhole("roll", "a shift", shift));
    return wrap(along.reduce<Node>((y, d, i) => re.roll(y, by[i], ownAxis("roll", x, d)), x));
  }

  /** Matrices without what is above a diagonal (0: the main one, positive: above it). */
  tril(diagonal = 0): Tensor {
    checkWhole("tril", "diagonal", diagonal);
    return wrap(re.triangle("tril", this.node, diagonal, false));
  }

  /** Matrices without what is below a diagonal (0: the main one, positive: above it). */
  triu(diagonal = 0): Tensor {
    checkWhole("triu", "diagonal", diagonal);
    return wrap(re.triangle("triu", this.node, diagonal, true));
  }

  /** A vector's matrix with it on a diagonal, or a matrix's diagonal. */
  diag(diagonal = 0): Tensor {
    checkWhole("diag", "diagonal", diagonal);
    const x = this.node;
    if (x.shape.length === 1) return wrap(re.diagonalMatrix(x, diagonal));
    if (x.shape.length === 2) return wrap(re.diagonal(x, diagonal));
    throw new ShapeError(
      `diag: got ${showShape(x.shape)}, wants one or two dimensions; use diagonal() or ` +
        `diagEmbed() for batches.`,
    );
  }

  /** Matrices with the last dimension on a diagonal, zeros elsewhere. */
  diagEmbed(offset = 0): Tensor {
    checkWhole("diagEmbed", "offset", offset);
    const x = this.node;
    return wrap(re.diagonalMatrix(x.shape.length === 0 ? m.reshape(x, [1]) : x, offset));
  }

  /** Elements (i, i + offset) of two dimensions, which become one at the end. */
  diagonal(offset = 0, dim1 = 0, dim2 = 1): Tensor {
    const x = this.node, rank = x.shape.length;
    checkWhole("diagonal", "offset", offset);
    const a = normalizeAxis("diagonal", dim1, rank), b = normalizeAxis("diagonal", dim2, rank);
    if (a === b) {
      throw new RangeError(`diagonal: dim1 and dim2 are both ${a}; name two dimensions.`);
    }
    const rest = x.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
    return this.viewed(x, re.diagonal(m.permute(x, [...rest, a, b]), offset));
  }
}

/** Under another shape: a view, or a copy where PyTorch has to make one. */
function reshaped(tensor: TensorCore, shape: readonly number[]): Tensor {
  const x = tensor.node, node = m.reshape(x, shape);
  return isViewable(tensor.place?.lie ?? null, shape) ? tensor.viewed(x, node) : wrap(node);
}

interface Cut {
  readonly start: number;
  readonly size: number;
  readonly step: number;
}

/** What a slice keeps of a dimension of size d, with Python's rules for borders. */
function cut(op: string, spec: SliceSpec, d: number, axis: number): Cut {
  if (spec === null) return { start: 0, size: d, step: 1 };
  if (typeof spec !== "number" && !(op === "slice" && Array.isArray(spec))) {
    throw new TypeError(
      `${op}: the entry for dimension ${axis} is ${describe(spec)}, wants a number` +
        `${op === "slice" ? ", null or [start, end, step]" : ""}.`,
    );
  }
  if (typeof spec === "number") {
    const start = spec < 0 ? spec + d : spec;
    if (!Number.isInteger(spec) || start < 0 || start >= d) {
      throw new RangeError(
        `${op}: index ${spec} is out of range for dimension ${axis} of size ${d}; it must be an ` +
          `integer from ${-d} to ${d - 1}.`,
      );
    }
    return { start, size: 1, step: 1 };
  }
  const [from, to, step = 1] = spec;
  if (!Number.isInteger(step) || step === 0) {
    throw new RangeError(`slice: a step is a whole number other than 0, got ${step}.`);
  }
  const lowest = step > 0 ? 0 : -1, highest = step > 0 ? d : d - 1;
  const place = (v: number | null | undefined, missing: number) => {
    if (v === null || v === undefined) return missing;
    checkWhole("slice", "a position", v);
    return Math.min(highest, Math.max(lowest, v < 0 ? v + d : v));
  };
  const start = place(from, step > 0 ? 0 : d - 1), end = place(to, step > 0 ? d : -1);
  const size = Math.max(0, Math.ceil((end - start) / step));
  return { start: size === 0 ? 0 : start, size, step };
}
