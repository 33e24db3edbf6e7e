/**
 * Methods of tensors: comparisons, truth values and choices.
 *
 * @module
 */

import { constantNode } from "../../graph/leaf.ts";
import { isFloat, type Node } from "../../graph/node.ts";
import { sameShape } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { type TensorLike, wrap } from "../core.ts";
import { checkTensor, lift, nodeOf, pair } from "../promotion.ts";
import * as f from "../formulas/basic.ts";
import { ElementwiseMethods } from "./elementwise.ts";
import { pairOf } from "./operands.ts";
import { all, orderable, truth } from "../formulas/statistics.ts";
import { checkKind } from "../stores.ts";
import type { Tensor } from "../tensor.ts";
import { checkNames } from "../describe.ts";

/** Tolerances of `allclose`. */
export interface CloseOptions {
  /** Relative to the other tensor (default 1e-5). */
  rtol?: number;
  /** Absolute (default 1e-8). */
  atol?: number;
  /** Whether NaN is close to NaN (default false). */
  equalNan?: boolean;
}

/**
 * Comparisons and choices. Comparisons broadcast and give bool; they have no derivative.
 *
 * @example
 * ```ts
 * import { tensor } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const x = tensor([1, NaN, 3]), y = tensor([1, 2, Infinity]);
 * assertEquals(x.eq(y).toArray(), [true, false, false]);
 * assertEquals(x.ne(y).logicalNot().toArray(), [true, false, false]);
 * assertEquals(x.isNan().logicalOr(y.isInf()).toArray(), [false, true, true]);
 * assertEquals(x.gt(2).logicalXor(y.gt(1)).toArray(), [false, true, false]);
 * assertEquals(x.isClose(y, { equalNan: true }).toArray(), [true, false, false]);
 * assertEquals(x.maskedFill(x.isNan(), 0).toArray(), [1, 0, 3]);
 * assert(y.equal(y.clone()));
 * ```
 */
export abstract class LogicMethods extends ElementwiseMethods {
  /** Where elements are equal. NaN equals nothing. */
  eq(other: TensorLike): Tensor {
    const [a, b] = ordered(this, other);
    return wrap(p.eq(a, b));
  }

  /** Where elements differ. */
  ne(other: TensorLike): Tensor {
    const [a, b] = ordered(this, other);
    return wrap(p.logicalNot(p.eq(a, b)));
  }

  /** Where `this < other`. */
  lt(other: TensorLike): Tensor {
    const [a, b] = ordered(this, other);
    return wrap(p.lt(a, b));
  }

  /** Where `this <= other`. */
  le(other: TensorLike): Tensor {
    const [a, b] = ordered(this, other);
    return wrap(p.le(a, b));
  }

  /** Where `this > other`. */
  gt(other: TensorLike): Tensor {
    const [a, b] = ordered(this, other);
    return wrap(p.lt(b, a));
  }

  /** Where `this >= other`. */
  ge(other: TensorLike): Tensor {
    const [a, b] = ordered(this, other);
    return wrap(p.le(b, a));
  }

  /** Where both are true (not 0). */
  logicalAnd(other: TensorLike): Tensor {
    return wrap(p.logicalAnd(truth(this.node), truthOf(other)));
  }

  /** Where one is true (not 0). */
  logicalOr(other: TensorLike): Tensor {
    return wrap(p.logicalOr(truth(this.node), truthOf(other)));
  }

  /** Where exactly one is true (not 0). */
  logicalXor(other: TensorLike): Tensor {
    const a = truth(this.node), b = truthOf(other);
    return wrap(p.logicalNot(p.eq(a, b)));
  }

  /** Where elements are false (0). */
  logicalNot(): Tensor {
    return wrap(p.logicalNot(truth(this.node)));
  }

  /** Where elements are NaN. */
  isNan(): Tensor {
    return wrap(f.isNan(this.node));
  }

  /** Where elements are neither infinite nor NaN. */
  isFinite(): Tensor {
    return wrap(f.isFinite(this.node));
  }

  /** Where elements are infinite. */
  isInf(): Tensor {
    return wrap(f.isInf(this.node));
  }

  /** Where `|this - other| <= atol + rtol * |other|`. */
  isClose(other: TensorLike, options: CloseOptions = {}): Tensor {
    checkNames("isClose", options, ["rtol", "atol", "equalNan"]);
    const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
    checkTolerance("rtol", rtol);
    checkTolerance("atol", atol);
    const [x, y] = ordered(this, other);
    const b = isFloat(y.dtype) ? y : p.cast(y, "float64");
    const bound = p.add(p.num(atol, b), p.mul(p.num(rtol, b), p.abs(b)));
    // An infinite bound would make everything close to infinity.
    const near = p.logicalAnd(p.le(distance(x, y), bound), f.isFinite(b));
    const close = p.logicalOr(p.eq(x, y), near);
    return wrap(equalNan ? p.logicalOr(close, p.logicalAnd(f.isNan(x), f.isNan(y))) : close);
  }

  /**
   * Whether all elements are close (see `isClose`). Computes the value.
   *
   * @example
   * ```ts
   * import { assert } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * assert(tensor([1, 2]).allclose(tensor([1, 2.000001])));
   * ```
   */
  allclose(other: TensorLike, options: CloseOptions = {}): boolean {
    return isTrue(this.isClose(other, options).node);
  }

  /** Whether shapes and all elements are equal. Computes the value. */
  equal(other: Tensor): boolean {
    checkTensor("equal", "the other", other);
    return sameShape(this.shape, other.shape) && isTrue(this.eq(other).node);
  }

  /**
   * `this` where `condition` holds, `other` elsewhere.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * const x = tensor([-1, 2]);
   * assertEquals(x.where(x.gt(0), 0).toArray(), [0, 2]);
   * ```
   */
  where(condition: Tensor, other: TensorLike): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(f.where(nodeOf("where", "the condition", condition), a, b));
  }

  /** `value` where `mask` (bool) holds, `this` elsewhere. */
  maskedFill(mask: Tensor, value: TensorLike): Tensor {
    const x = this.node, y = lift(value, x.dtype, "maskedFill");
    checkKind("maskedFill", y.dtype, x.dtype);
    return wrap(f.where(nodeOf("maskedFill", "the mask", mask), p.cast(y, x.dtype), x));
  }
}

/** |x - y|; of whole numbers, in float64. */
function distance(x: Node, y: Node): Node {
  if (isFloat(x.dtype)) return p.abs(p.sub(x, y));
  const [a, b] = [x, y].map((node) => p.cast(node, "int64"));
  // The difference of whole numbers is exact, except where it runs over.
  const exact = p.cast(p.abs(p.sub(a, b)), "float64");
  const rounded = p.abs(p.sub(p.cast(a, "float64"), p.cast(b, "float64")));
  return p.where(p.lt(rounded, p.num(2 ** 62, rounded)), exact, rounded);
}

/** Refuses tolerances that nothing, or everything, would be within. */
function checkTolerance(name: string, value: number): void {
  if (value >= 0) return;
  throw new RangeError(`isClose: got ${name} ${value}, wants a number >= 0.`);
}

/** A tensor or number as truth values; NaN is true. */
function truthOf(x: TensorLike): Node {
  return typeof x === "object"
    ? truth(nodeOf("logic", "an operand", x))
    : constantNode(x !== 0 && x !== false ? 1 : 0, "bool");
}

/** Operands of a comparison: booleans and bytes as int32, which have an order. */
function ordered(x: LogicMethods, other: TensorLike): [Node, Node] {
  const [a, b] = pairOf(x, other);
  return isFloat(a.dtype) ? [a, b] : [orderable(a), orderable(b)];
}

function isTrue(condition: Node): boolean {
  const axes = condition.shape.map((_, i) => i);
  return wrap(all(condition, axes, false)).item() !== 0;
}

/** `condition ? a : b` element by element; see the free function `where`. */
export function choose(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = pair(a, b);
  return wrap(f.where(nodeOf("where", "the condition", condition), x, y));
}
