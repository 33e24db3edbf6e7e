/**
 * Methods of tensors: parts of them.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { showShape } from "../../graph/shape.ts";
import * as m from "../../primitives/movement.ts";
import { MovementMethods } from "./movement.ts";
import { checkWhole, ownAxis } from "./operands.ts";
import * as re from "../formulas/rearrange.ts";
import type { Tensor } from "../tensor.ts";
import { checkArray, describe } from "../describe.ts";

/** What one dimension of `slice` keeps: everything (null), one index, or `[start, end, step]`. */
export type SliceSpec =
  | number
  | null
  | readonly [start?: number | null, end?: number | null, step?: number];

/**
 * Slices and parts, which are views.
 *
 * @example
 * ```ts
 * import { arange } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = arange(5);
 * assertEquals(x.split(2).map((part) => part.toArray()), [[0, 1], [2, 3], [4]]);
 * assertEquals(x.chunk(2).map((part) => part.shape), [[3], [2]]);
 * assertEquals(x.unfold(0, 2, 3).toArray(), [[0, 1], [3, 4]]);
 * ```
 */
export abstract class CuttingMethods extends MovementMethods {
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
        `${
          op === "slice" ? ", null or [start, end, step]" : ""
        }. x.indexSelect(${axis}, index) takes ` +
        `a tensor of places, x.maskedSelect(mask) one of truth values.`,
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
