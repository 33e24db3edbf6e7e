/**
 * Methods of tensors: borders, order along dimensions, diagonals.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { normalizeAxes, normalizeAxis, showShape } from "../../graph/shape.ts";
import * as m from "../../primitives/movement.ts";
import { wrap } from "../core.ts";
import { checkRepresentable } from "../integer_range.ts";
import { CuttingMethods } from "./cutting.ts";
import { checkWhole, ownAxis, type Sizes, sizesOf } from "./operands.ts";
import * as re from "../formulas/rearrange.ts";
import type { Tensor } from "../tensor.ts";
import { checkArray, checkNames, checkNumber } from "../describe.ts";

/** Options of `pad`. */
export interface PadOptions {
  /** What the border holds (default `"constant"`). */
  mode?: re.PadMode;
  /** The constant (default 0). */
  value?: number;
}

/**
 * Borders, flipping and rolling, triangles and diagonals.
 *
 * @example
 * ```ts
 * import { arange, ones, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = arange(3);
 * assertEquals(x.flip(0).toArray(), [2, 1, 0]);
 * assertEquals(x.roll(1).toArray(), [2, 0, 1]);
 * assertEquals(ones([2, 2]).tril().toArray(), [[1, 0], [1, 1]]);
 * assertEquals(ones([2, 2]).triu(1).toArray(), [[0, 1], [0, 0]]);
 * assertEquals(tensor([1, 2]).diagEmbed().toArray(), [[1, 0], [0, 2]]);
 * assertEquals(x.pad([1, 0]).toArray(), [0, 0, 1, 2]);
 * ```
 */
export abstract class ArrangementMethods extends CuttingMethods {
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
