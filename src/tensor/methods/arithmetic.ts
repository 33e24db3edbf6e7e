/**
 * Methods of tensors: arithmetic, powers, rounding.
 *
 * @module
 */

import { isFloat, type Node } from "../../graph/node.ts";
import { numberNode } from "../../graph/leaf.ts";
import * as p from "../../primitives/elementwise.ts";
import { type TensorLike, wrap } from "../core.ts";
import { HistoryMethods } from "./history.ts";
import { checkRepresentable } from "../integer_range.ts";
import { floatingPair, pair } from "../promotion.ts";
import * as f from "../formulas/basic.ts";
import { floatOf, floatPairOf, pairOf } from "./operands.ts";
import type { Tensor } from "../tensor.ts";
import { checkNames, checkNumber, describe } from "../describe.ts";

/** How a quotient is rounded. */
export type RoundingMode = "trunc" | "floor";

/** Replacements that `nanToNum` makes. */
export interface NanToNumOptions {
  /** For NaN (default 0). */
  nan?: number;
  /** For infinity (default: the largest number of the dtype). */
  posinf?: number;
  /** For minus infinity (default: the smallest number of the dtype). */
  neginf?: number;
}

/** `fn` on floating point; whole numbers are whole already. */
function whole(x: Node, fn: (x: Node) => Node): Node {
  return isFloat(x.dtype) ? fn(x) : x;
}

/**
 * Arithmetic. Operands broadcast as in NumPy and meet in the wider dtype; a number takes the dtype
 * of its partner.
 *
 * @example
 * ```ts
 * import { tensor } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const x = tensor([1, -4]), y = tensor([2, 3]);
 * assertEquals(x.rsub(1).toArray(), [0, 5]);
 * assertEquals(y.fmod(2).toArray(), [0, 1]);
 * assertEquals(x.remainder(3).toArray(), [1, 2]);
 * assertEquals(x.lerp(y, 0.5).toArray(), [1.5, -0.5]);
 * assertEquals(x.addcmul(y, y, { value: 2 }).toArray(), [9, 14]);
 * assert(x.addcdiv(x, y).allclose(tensor([1.5, -16 / 3])));
 * assert(x.square().rsqrt().allclose(tensor([1, 0.25])));
 * ```
 */
export abstract class ArithmeticMethods extends HistoryMethods {
  /** `this + other * alpha`. Throws a ShapeError where shapes do not broadcast. */
  add(other: TensorLike, options: { alpha?: number } = {}): Tensor {
    checkNames("add", options, ALPHA);
    const [a, b] = pairOf(this, other);
    return wrap(p.add(a, scaled("add", b, options.alpha)));
  }

  /** `this - other * alpha`. */
  sub(other: TensorLike, options: { alpha?: number } = {}): Tensor {
    checkNames("sub", options, ALPHA);
    const [a, b] = pairOf(this, other);
    return wrap(p.sub(a, scaled("sub", b, options.alpha)));
  }

  /** `other - this`. */
  rsub(other: TensorLike): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(p.sub(b, a));
  }

  /** Product of elements. */
  mul(other: TensorLike): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(p.mul(a, b));
  }

  /**
   * Quotient of elements. Whole numbers give floating point, unless `roundingMode` asks for a whole
   * quotient: `"trunc"` rounds towards zero, `"floor"` down.
   */
  div(other: TensorLike, options: { roundingMode?: RoundingMode } = {}): Tensor {
    checkNames("div", options, ["roundingMode"]);
    const { roundingMode } = options;
    if (roundingMode === undefined) {
      const [a, b] = floatPairOf(this, other);
      return wrap(p.div(a, b));
    }
    if (roundingMode !== "trunc" && roundingMode !== "floor") {
      throw new TypeError(
        `div: got roundingMode ${describe(roundingMode)}, wants "trunc" or "floor".`,
      );
    }
    const [a, b] = pairOf(this, other);
    if (isFloat(a.dtype)) {
      return wrap(roundingMode === "trunc" ? f.trunc(p.div(a, b)) : f.floorDiv(a, b));
    }
    if (roundingMode === "trunc") return wrap(p.div(a, b));
    return wrap(f.wholeFloorDiv(a, b));
  }

  /**
   * `this ** exponent`. The exponents 0, 1, 2, 3, 4, 0.5, -0.5, -1 and -2 become cheaper
   * operations; any other number is data, so changing it does not compile a new graph. Whole numbers
   * have exact powers that wrap around beyond their type; a negative number as exponent makes them
   * floating point, negative exponents in a tensor give 0 (but powers of -1 and 1).
   */
  pow(exponent: TensorLike): Tensor {
    if (typeof exponent === "number") {
      const x = this.node;
      const needsFloat = !Number.isInteger(exponent) || exponent < 0;
      return wrap(f.powNumber(needsFloat ? floatOf(this) : x, exponent));
    }
    const [a, b] = pairOf(this, exponent);
    if (isFloat(a.dtype)) return wrap(p.pow(a, b));
    return wrap(f.wholePow(a, b));
  }

  /** Negative elements. */
  neg(): Tensor {
    return wrap(p.neg(this.node));
  }

  /** Magnitudes; derivative 0 at 0. */
  abs(): Tensor {
    return wrap(p.abs(this.node));
  }

  /** Signs: -1, 0 or 1; derivative 0. */
  sign(): Tensor {
    return wrap(p.sign(this.node));
  }

  /** Squares. */
  square(): Tensor {
    return wrap(p.square(this.node));
  }

  /** Square roots; NaN below 0. */
  sqrt(): Tensor {
    return wrap(p.sqrt(floatOf(this)));
  }

  /** `1 / sqrt(this)` */
  rsqrt(): Tensor {
    return wrap(p.rsqrt(floatOf(this)));
  }

  /** `1 / this` */
  reciprocal(): Tensor {
    return wrap(p.reciprocal(floatOf(this)));
  }

  /** Largest whole numbers not above the elements; derivative 0. */
  floor(): Tensor {
    return wrap(whole(this.node, p.floor));
  }

  /** Smallest whole numbers not below the elements; derivative 0. */
  ceil(): Tensor {
    return wrap(whole(this.node, p.ceil));
  }

  /** Nearest whole numbers, halves to even; derivative 0. */
  round(): Tensor {
    return wrap(whole(this.node, p.round));
  }

  /** Elements without their fractions; derivative 0. */
  trunc(): Tensor {
    return wrap(whole(this.node, f.trunc));
  }

  /** Elements minus their whole part. */
  frac(): Tensor {
    const x = floatOf(this);
    return wrap(p.sub(x, f.trunc(x)));
  }

  /** Remainder with the sign of `this` (C's fmod). */
  fmod(other: TensorLike): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(p.fmod(a, b));
  }

  /** Remainder with the sign of `other` (Python's %). */
  remainder(other: TensorLike): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(p.remainder(a, b));
  }

  /** Larger of two elements; NaN if one is NaN. Ties share the gradient evenly. */
  maximum(other: TensorLike): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(p.maximum(a, b));
  }

  /** Smaller of two elements; NaN if one is NaN. Ties share the gradient evenly. */
  minimum(other: TensorLike): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(p.minimum(a, b));
  }

  /**
   * Elements within `[min, max]`; leave one out (or null) for no bound. The derivative is 1 at the
   * bounds and 0 outside. Where `min` is above `max`, the result is `max`; where one of the three is
   * NaN, it is NaN.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * assertEquals(tensor([-2, 0, 2]).clamp(-1, 1).toArray(), [-1, 0, 1]);
   * ```
   */
  clamp(min?: TensorLike | null, max?: TensorLike | null): Tensor {
    min ??= null;
    max ??= null;
    if (min === null && max === null) {
      throw new TypeError("clamp: got neither min nor max; give at least one bound.");
    }
    let x = this.node, low: Node | null = null, high: Node | null = null;
    if (min !== null) [x, low] = pair(wrap(x), min);
    if (max !== null) [x, high] = pair(wrap(x), max);
    if (low !== null) low = p.cast(low, x.dtype);
    return wrap(f.clamp(x, low, high));
  }

  /** `this + weight * (end - this)`, in floating point. */
  lerp(end: TensorLike, weight: TensorLike): Tensor {
    const [a, b] = floatPairOf(this, end);
    const [difference, w] = pair(wrap(p.sub(b, a)), weight);
    return wrap(p.add(p.cast(a, w.dtype), p.mul(w, difference)));
  }

  /** `this + value * a * b`. */
  addcmul(a: TensorLike, b: TensorLike, options: { value?: number } = {}): Tensor {
    checkNames("addcmul", options, VALUE);
    const [x, y] = pair(a, b);
    return this.add(wrap(scaled("addcmul", p.mul(x, y), options.value)));
  }

  /** `this + value * a / b`, in floating point. */
  addcdiv(a: TensorLike, b: TensorLike, options: { value?: number } = {}): Tensor {
    checkNames("addcdiv", options, VALUE);
    const [x, y] = floatingPair(a, b);
    return this.add(wrap(scaled("addcdiv", p.div(x, y), options.value)));
  }

  /** NaN and infinities replaced by finite numbers; the derivative there is 0. */
  nanToNum(options: NanToNumOptions = {}): Tensor {
    const x = this.node;
    const top = f.largest(x.dtype);
    checkNames("nanToNum", options, ["nan", "posinf", "neginf"]);
    const { nan, posinf, neginf } = options;
    for (const [name, value] of Object.entries(options)) {
      if (value !== undefined && value !== null) checkNumber("nanToNum", name, value);
    }
    return wrap(f.nanToNum(x, nan ?? 0, posinf ?? top, neginf ?? -top));
  }
}

const ALPHA = ["alpha"], VALUE = ["value"];

function scaled(op: string, x: Node, by: number | undefined): Node {
  if (by === undefined || by === 1) return x;
  checkNumber(op, op.startsWith("addc") ? "value" : "alpha", by);
  checkRepresentable(op, by, x.dtype);
  return p.mul(x, numberNode(by, x.dtype));
}
