/**
 * Arithmetic on numbers and on nodes of a graph alike, so that a schedule's formula is written once:
 * of numbers it makes a number, of a node that node's expression, in its element type.
 *
 * @module
 */

import { constantNode, numberNode } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import * as p from "../primitives/elementwise.ts";
import { clamp as clampNode } from "../tensor/formulas/basic.ts";

/** A number, or a node that stands for numbers. */
export type Value = number | Node;

/** A truth value of either kind. */
export type Truth = boolean | Node;

const lift = (x: Value, like: Node): Node => typeof x === "number" ? numberNode(x, like.dtype) : x;

type Binary = (a: Value, b: Value) => Value;

function binary(ofNumbers: (a: number, b: number) => number, ofNodes: typeof p.add): Binary {
  return (a, b) => {
    if (typeof a !== "number") return ofNodes(a, lift(b, a));
    return typeof b === "number" ? ofNumbers(a, b) : ofNodes(lift(a, b), b);
  };
}

function unary(ofNumber: (a: number) => number, ofNode: (a: Node) => Node): (a: Value) => Value {
  return (a) => typeof a === "number" ? ofNumber(a) : ofNode(a);
}

/** `a + b`. */
export const add: Binary = binary((a, b) => a + b, p.add);
/** `a - b`. */
export const sub: Binary = binary((a, b) => a - b, p.sub);
/** `a * b`. */
export const mul: Binary = binary((a, b) => a * b, p.mul);
/** `a / b`. */
export const div: Binary = binary((a, b) => a / b, p.div);
/** The larger one. */
export const maximum: Binary = binary(Math.max, p.maximum);
/** The smaller one. */
export const minimum: Binary = binary(Math.min, p.minimum);
/** The largest whole number that is not larger. */
export const floor = unary(Math.floor, p.floor);
/** The cosine. */
export const cos = unary(Math.cos, p.cos);

/** `base ** exponent`, of bases that are not negative. */
export function pow(base: Value, exponent: Value): Value {
  if (exponent === 1) return base;
  if (typeof base === "number") {
    return typeof exponent === "number" ? base ** exponent : p.pow(lift(base, exponent), exponent);
  }
  if (typeof exponent === "number") return p.pow(base, lift(exponent, base));
  // Where the base is 0, the derivative with respect to the exponent is 0.
  const zero = constantNode(0, base.dtype), one = constantNode(1, base.dtype);
  const over = p.le(base, zero), ended = p.where(p.eq(exponent, zero), one, zero);
  return p.where(over, ended, p.pow(p.where(over, one, base), exponent));
}

/** `x`, or the bound that it is beyond. */
export function clamp(x: Value, low: number, high: number): Value {
  return typeof x === "number"
    ? Math.min(Math.max(x, low), high)
    : clampNode(x, lift(low, x), lift(high, x));
}

/** Whether `a <= b`. */
export function atMost(a: Value, b: number): Truth {
  return typeof a === "number" ? a <= b : p.le(a, lift(b, a));
}

/** `x` where it is true, else `y`. */
export function where(truth: Truth, x: Value, y: Value): Value {
  if (typeof truth === "boolean") return truth ? x : y;
  // Of two numbers, in the type of what was compared.
  const like = typeof y !== "number" ? y : typeof x !== "number" ? x : truth.inputs[0];
  return p.where(truth, lift(x, like), lift(y, like));
}
