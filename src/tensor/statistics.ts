/**
 * Reductions that are built from primitives.
 *
 * @module
 */

import { numberNode } from "../graph/leaf.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { ShapeError } from "../graph/errors.ts";
import { type Shape, showShape, sizeOf } from "../graph/shape.ts";
import * as p from "../primitives/elementwise.ts";
import { gather } from "../primitives/index.ts";
import { detach, narrow, reshape } from "../primitives/movement.ts";
import { argmax, argmin, argsort } from "../primitives/order.ts";
import { amax, amin, sum } from "../primitives/reduce.ts";
import { isFinite, powNumber } from "./formulas.ts";

const { num } = p;

function count(x: Node, axes: Shape): number {
  return sizeOf(axes.map((a) => x.shape[a]));
}

/** Arithmetic mean over axes. */
export function mean(x: Node, axes: Shape, keepdim: boolean): Node {
  const n = count(x, axes);
  const total = sum(x, axes, keepdim);
  return n === 1 ? total : p.div(total, num(n, x));
}

/** Mean squared distance from the mean, with `correction` taken off the count. */
export function variance(x: Node, axes: Shape, keepdim: boolean, correction: number): Node {
  const centered = p.sub(x, mean(x, axes, true));
  const n = Math.max(0, count(x, axes) - correction);
  return p.div(sum(p.square(centered), axes, keepdim), num(n, x));
}

/** Square root with derivative 0 (instead of infinity) at 0, at every order. */
export function sqrtOrZero(x: Node): Node {
  const zero = num(0, x), none = p.eq(x, zero);
  return p.where(none, zero, p.sqrt(p.where(none, num(1, x), x)));
}

/** Square root of the variance; derivative 0 where it is 0. */
export function deviation(x: Node, axes: Shape, keepdim: boolean, correction: number): Node {
  return sqrtOrZero(variance(x, axes, keepdim, correction));
}

/** x ** order, and `atZero` with derivative 0 (instead of infinity) where x is 0. */
function powOrNumber(x: Node, order: number, atZero: number): Node {
  const none = p.eq(x, num(0, x));
  return p.where(none, num(atZero, x), powNumber(p.where(none, num(1, x), x), order));
}

/** (sum of |x| ** order) ** (1 / order) over axes; derivative 0 where it is 0. */
export function norm(x: Node, order: number, axes: Shape, keepdim: boolean): Node {
  // Of one element alone, no power may run over.
  if (axes.length === 0 && order !== 0) return p.abs(x);
  switch (order) {
    case 0:
      return sum(p.cast(p.logicalNot(p.eq(x, num(0, x))), x.dtype), axes, keepdim);
    case 1:
      return sum(p.abs(x), axes, keepdim);
    case 2:
      return sqrtOrZero(sum(p.square(x), axes, keepdim));
    case Infinity:
      return amax(p.abs(x), axes, keepdim);
    case -Infinity:
      return amin(p.abs(x), axes, keepdim);
  }
  const zero = num(0, x), one = num(1, x), root = numberNode(1 / order, x.dtype);
  if (order < 0) {
    if (count(x, axes) === 0) {
      throw new ShapeError(
        `norm: ${showShape(x.shape)} has no elements along the reduced dimension, and a norm of ` +
          `order ${order} needs at least one.`,
      );
    }
    return p.pow(sum(powOrNumber(p.abs(x), order, Infinity), axes, keepdim), root);
  }
  const total = sum(
    order < 1 ? powOrNumber(p.abs(x), order, 0) : powNumber(p.abs(x), order),
    axes,
    keepdim,
  );
  const none = p.eq(total, zero);
  return p.where(none, zero, p.pow(p.where(none, one, total), root));
}

/** A shift that keeps exponentials in range. It cancels in the result, so no derivative passes. */
function shift(x: Node, axes: Shape): Node {
  if (count(x, axes) === 0) return num(0, x);
  return detach(amax(x, axes, true));
}

/** log(sum(exp(x))) over axes, safe for large x. */
export function logsumexp(x: Node, axes: Shape, keepdim: boolean): Node {
  const top = shift(x, axes);
  const m = p.where(isFinite(top), top, num(0, x));
  const y = p.add(p.log(sum(p.exp(p.sub(x, m)), axes, true)), m);
  return keepdim ? y : reshape(y, x.shape.filter((_, i) => !axes.includes(i)));
}

/** exp(x) / sum(exp(x)) along an axis. */
export function softmax(x: Node, axes: Shape): Node {
  const e = p.exp(p.sub(x, shift(x, axes)));
  return p.div(e, sum(e, axes, true));
}

/** Logarithm of `softmax`, without its loss of accuracy. */
export function logSoftmax(x: Node, axes: Shape): Node {
  const z = p.sub(x, shift(x, axes));
  return p.sub(z, p.log(sum(p.exp(z), axes, true)));
}

/** Largest (or smallest) element along one axis and its place; the gradient goes to that place. */
export function extremumAlong(
  x: Node,
  axis: number,
  keepdim: boolean,
  largest: boolean,
): [Node, Node] {
  const flat = x.shape.length === 0 ? reshape(x, [1]) : x;
  const found = (largest ? argmax : argmin)(orderable(flat), axis, true);
  const values = gather(flat, axis, found);
  const shape = x.shape.filter((_, i) => i !== axis);
  return keepdim && x.shape.length > 0
    ? [values, found]
    : [reshape(values, shape), reshape(found, shape)];
}

/** The middle element along an axis, which stays, or the first NaN, and its place. */
export function median(x: Node, axis: number): [Node, Node] {
  const places = argsort(orderable(x), axis, false);
  let at = narrow(places, axis, Math.floor((x.shape[axis] - 1) / 2), 1);
  if (isFloat(x.dtype)) {
    // The first NaN is the largest and the smallest; among numbers the largest is none.
    const top = argmax(x, axis, true);
    at = p.where(p.isNan(gather(x, axis, top)), top, at);
  }
  return [gather(x, axis, at), at];
}

/** Booleans as numbers, so that they have an order. */
export function orderable(x: Node): Node {
  return x.dtype === "bool" || x.dtype === "uint8" ? p.cast(x, "int32") : x;
}

/** Whether any element over axes is true; a running count, so that nothing gives false. */
export function any(x: Node, axes: Shape, keepdim: boolean): Node {
  const total = sum(p.cast(truth(x), "int32"), axes, keepdim);
  return p.lt(num(0, total), total);
}

/** Whether all elements over axes are true; over nothing they are. */
export function all(x: Node, axes: Shape, keepdim: boolean): Node {
  return p.logicalNot(any(p.logicalNot(truth(x)), axes, keepdim));
}

/** x as booleans: whether it differs from 0. */
export function truth(x: Node): Node {
  return x.dtype === "bool" ? x : p.logicalNot(p.eq(orderable(x), num(0, orderable(x))));
}

/** Sums of booleans and bytes count in int64. */
export function countable(x: Node): Node {
  return isFloat(x.dtype) || x.dtype === "int64" ? x : p.cast(x, "int64");
}
