/**
 * Functions of one element that are built from primitives.
 *
 * @module
 */

import { constant, constantNode, numberNode, scalar } from "../../graph/leaf.ts";
import { isFloat, type Node } from "../../graph/node.ts";
import * as p from "../../primitives/elementwise.ts";
import { iota } from "../../primitives/iota.ts";
import { expand, reshape } from "../../primitives/movement.ts";
import { power } from "../../primitives/power.ts";

const { num } = p;

/**
 * x ** exponent for a number. The few exponents that name another operation become that operation;
 * all others are data.
 */
export function powNumber(x: Node, exponent: number): Node {
  if (exponent >= 0 && exponent <= 4 && Number.isInteger(exponent)) return power(x, exponent);
  if (!isFloat(x.dtype)) return wholePowNumber(x, exponent);
  switch (exponent) {
    case 0.5:
      return p.sqrt(x);
    case -0.5:
      return p.rsqrt(x);
    case -1:
      return p.reciprocal(x);
    case -2:
      // The square of x alone would leave the range of its type before its derivatives do.
      return p.square(p.reciprocal(x));
  }
  return p.pow(x, numberNode(exponent, x.dtype));
}

/** From this number on, exponents are beyond int64. */
const BEYOND = 2 ** 63;

/** Powers of whole numbers modulo 2 ** 64 repeat in exponents at this distance, from 64 on. */
const PERIOD = 2 ** 62;

/** x ** exponent for whole numbers, by squaring: floating point would round large powers. */
function wholePowNumber(x: Node, exponent: number): Node {
  let left = exponent < BEYOND ? exponent : PERIOD + exponent % PERIOD;
  let square = x, y: Node | null = null;
  while (left > 0) {
    if (left % 2 === 1) y = y === null ? square : p.mul(y, square);
    left = Math.floor(left / 2);
    if (left > 0) square = p.square(square);
  }
  return y ?? expand(num(1, x), x.shape);
}

/** Binary digits of the largest magnitude of a type, in int64. */
const DIGITS: Partial<Record<Node["dtype"], number>> = { uint8: 8, int32: 32, int64: 63 };

/**
 * x ** exponent for whole numbers that are both data, digit by digit of the exponent. A negative one
 * gives 0, but for -1 and 1, whose powers are whole.
 */
export function wholePow(x: Node, exponent: Node): Node {
  const a = p.cast(x, "int64"), b = p.cast(exponent, "int64");
  const one = num(1, a), zero = num(0, a);
  let y = one, left = p.abs(b);
  for (let digit = (DIGITS[exponent.dtype] ?? 1) - 1; digit >= 0; digit--) {
    const place = num(2 ** digit, a), set = p.le(place, left);
    y = p.mul(p.square(y), p.where(set, a, one));
    left = p.sub(left, p.where(set, place, zero));
  }
  const fraction = p.logicalAnd(p.lt(b, zero), p.logicalNot(p.eq(p.abs(a), one)));
  return p.cast(p.where(fraction, zero, y), x.dtype);
}

/** a / b rounded down, for whole numbers. */
export function wholeFloorDiv(a: Node, b: Node): Node {
  const zero = num(0, a), quotient = p.div(a, b);
  const rest = p.sub(a, p.mul(quotient, b));
  const apart = p.logicalNot(p.eq(p.lt(b, zero), p.lt(rest, zero)));
  const below = p.logicalAnd(p.logicalNot(p.eq(rest, zero)), apart);
  return p.sub(quotient, p.cast(below, a.dtype));
}

/** a / b rounded down, as Python does it: what the exact remainder leaves divides without a rest. */
export function floorDiv(a: Node, b: Node): Node {
  const zero = num(0, a), one = num(1, a);
  const rest = p.fmod(a, b);
  const quotient = p.div(p.sub(a, rest), b);
  const apart = p.logicalNot(p.eq(p.lt(b, zero), p.lt(rest, zero)));
  const below = p.logicalAnd(p.logicalNot(p.eq(rest, zero)), apart);
  // The quotient is whole but for its rounding error.
  const whole = p.round(p.where(below, p.sub(quotient, one), quotient));
  return p.floor(p.where(p.eq(b, zero), p.div(a, b), whole));
}

/** x without its fraction; derivative 0. */
export function trunc(x: Node): Node {
  return p.mul(p.sign(x), p.floor(p.abs(x)));
}

/** Whether x is neither infinite nor NaN. */
export function isFinite(x: Node): Node {
  if (!isFloat(x.dtype)) return expand(constantNode(1, "bool"), x.shape);
  return p.lt(p.abs(x), num(Infinity, x));
}

/** Whether x is infinite. */
export function isInf(x: Node): Node {
  if (!isFloat(x.dtype)) return expand(constantNode(0, "bool"), x.shape);
  return p.eq(p.abs(x), num(Infinity, x));
}

/** Whether x is NaN. */
export function isNan(x: Node): Node {
  return isFloat(x.dtype) ? p.isNan(x) : expand(constantNode(0, "bool"), x.shape);
}

/** `condition ? a : b`, also for booleans, for which ONNX Runtime has no kernel. */
export function where(condition: Node, a: Node, b: Node): Node {
  if (a.dtype !== "bool" || b.dtype !== "bool" || condition.dtype !== "bool") {
    return p.where(condition, a, b);
  }
  return p.logicalOr(p.logicalAnd(condition, a), p.logicalAnd(p.logicalNot(condition), b));
}

/**
 * x within bounds; the derivative is 1 at the bounds and 0 outside. NaN among `x` and the bounds gives
 * NaN.
 */
export function clamp(x: Node, min: Node | null, max: Node | null): Node {
  let y = x;
  if (min !== null) y = p.where(outside(p.lt(y, min), min), min, y);
  if (max !== null) y = p.where(outside(p.lt(max, y), max), max, y);
  return y;
}

/** Whether a bound takes the place of x: where x is beyond it, or the bound is NaN. */
function outside(beyond: Node, bound: Node): Node {
  const number = bound.prim === scalar || bound.prim === constant;
  if (!isFloat(bound.dtype) || (number && !Number.isNaN(bound.attrs.value))) return beyond;
  return p.logicalOr(beyond, p.isNan(bound));
}

/** Largest finite number of a floating-point type. */
export function largest(dtype: Node["dtype"]): number {
  if (dtype === "float64") return Number.MAX_VALUE;
  return dtype === "float32" ? 3.4028234663852886e38 : 65504;
}

/** x with NaN and the infinities replaced by numbers; the derivative there is 0. */
export function nanToNum(x: Node, nan: number, posinf: number, neginf: number): Node {
  if (!isFloat(x.dtype)) return x;
  const number = (v: number) => numberNode(v, x.dtype);
  let y = p.where(p.eq(x, num(Infinity, x)), number(posinf), x);
  y = p.where(p.eq(x, num(-Infinity, x)), number(neginf), y);
  return p.where(p.isNan(x), number(nan), y);
}

/**
 * Where each class number is: `[...]` to booleans `[..., n]`, compared in the type of `classes`.
 */
export function hotMask(classes: Node, n: number): Node {
  return p.eq(reshape(classes, [...classes.shape, 1]), iota(n, classes.dtype));
}
