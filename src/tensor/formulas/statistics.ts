/**
 * Reductions that are built from primitives.
 *
 * @module
 */

import { numberNode } from "../../graph/leaf.ts";
import { isFloat, type Node } from "../../graph/node.ts";
import { ShapeError } from "../../graph/errors.ts";
import { type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { gather } from "../../primitives/index.ts";
import { detach, narrow, reshape } from "../../primitives/movement.ts";
import { argmax, argmin, argsort } from "../../primitives/order.ts";
import { amax, amin, sum } from "../../primitives/reduce.ts";
import { isFinite, powNumber } from "./basic.ts";

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

/**
 * First element over axes. Numbers less the first have the same variance, and a mean without the
 * rounding error of large ones: that of equal numbers is 0. No derivative depends on it.
 */
function first(x: Node, axes: Shape): Node {
  return detach(axes.reduce((y, axis) => narrow(y, axis, 0, 1), x));
}

/** Mean squared distance from the mean, with `correction` taken off the count. */
export function variance(x: Node, axes: Shape, keepdim: boolean, correction: number): Node {
  const n = Math.max(0, count(x, axes) - correction);
  return p.div(sum(p.square(centered(x, axes)), axes, keepdim), num(n, x));
}

/** Numbers less their mean over axes. */
function centered(x: Node, axes: Shape): Node {
  const near = count(x, axes) === 0 ? x : p.sub(x, first(x, axes));
  return p.sub(near, mean(near, axes, true));
}

/** Square root with derivative 0 (instead of infinity) at 0, at every order. */
function sqrtOrZero(x: Node): Node {
  const zero = num(0, x), none = p.eq(x, zero);
  return p.where(none, zero, p.sqrt(p.where(none, num(1, x), x)));
}

/** Square root of the variance, which itself may leave the range; derivative 0 where it is 0. */
export function deviation(x: Node, axes: Shape, keepdim: boolean, correction: number): Node {
  const n = count(x, axes) - correction;
  // Of too few numbers, value and derivative are NaN.
  if (n <= 0) return sqrtOrZero(variance(x, axes, keepdim, correction));
  return p.div(euclidean(centered(x, axes), axes, keepdim), num(Math.sqrt(n), x));
}

/** x ** order, and `atZero` with derivative 0 (instead of infinity) where x is 0. */
function powOrNumber(x: Node, order: number, atZero: number): Node {
  const none = p.eq(x, num(0, x));
  return p.where(none, num(atZero, x), powNumber(p.where(none, num(1, x), x), order));
}

/**
 * Magnitudes beyond which squares may leave the range of a type, and the power of two that brings them
 * back: below `small` it multiplies, above 1 / `small` it divides.
 */
const squares = {
  float16: { small: 2 ** -4, factor: 2 ** 9 },
  float32: { small: 2 ** -50, factor: 2 ** 100 },
  float64: { small: 2 ** -400, factor: 2 ** 600 },
} as const;

/**
 * Square root of the sum of squares (J. L. Blue, "A portable Fortran program to find the Euclidean
 * norm of a vector", 1978): scaled by a power of two, which rounds nothing, where squares would
 * overflow or vanish. The norm does not depend on the scale, so no derivative passes through it.
 */
function euclidean(x: Node, axes: Shape, keepdim: boolean): Node {
  if (count(x, axes) === 0) return sqrtOrZero(sum(x, axes, keepdim));
  const root = rootOfSquares(amax(p.abs(x), axes, true), (scale) => sumOfSquares(x, scale, axes));
  return dropAxes(root, axes, keepdim);
}

/** The Euclidean norm of several values of one type, which have elements, as of one vector. */
export function normOfAll(values: readonly Node[]): Node {
  const all = (x: Node) => x.shape.map((_, axis) => axis);
  const scalar = (x: Node) => reshape(x, []);
  const largest = values.map((x) => scalar(amax(p.abs(x), all(x), true)));
  return rootOfSquares(
    largest.reduce((a, b) => p.maximum(a, b)),
    (scale) => values.map((x) => scalar(sumOfSquares(x, scale, all(x)))).reduce(p.add),
  );
}

function sumOfSquares(x: Node, scale: Node, axes: Shape): Node {
  return sum(p.square(p.mul(x, scale)), axes, true);
}

/** Square root of a sum of squares, which `total` gives for a scale; `largest` is the largest magnitude. */
function rootOfSquares(largest: Node, total: (scale: Node) => Node): Node {
  const { small, factor } = squares[largest.dtype as keyof typeof squares], most = detach(largest);
  const choose = (up: number, down: number) =>
    p.where(
      p.lt(most, num(small, most)),
      num(up, most),
      p.where(p.lt(num(1 / small, most), most), num(down, most), num(1, most)),
    );
  const root = sqrtOrZero(total(choose(factor, 1 / factor)));
  return p.mul(root, choose(1 / factor, factor));
}

/** A reduced value with or without its dimensions of size 1. */
function dropAxes(x: Node, axes: Shape, keepdim: boolean): Node {
  return keepdim ? x : reshape(x, x.shape.filter((_, i) => !axes.includes(i)));
}

/** (sum of |x| ** order) ** (1 / order) over axes; derivative 0 where it is 0. */
export function norm(x: Node, order: number, axes: Shape, keepdim: boolean): Node {
  // Of one element alone, no power may run over.
  if (axes.length === 0 && order !== 0) return p.abs(x);
  switch (order) {
    case 0: {
      // A step function, whose derivative is 0 and not missing.
      const steps = p.round(p.where(p.eq(x, num(0, x)), x, num(1, x)));
      return sum(steps, axes, keepdim);
    }
    case 1:
      return sum(p.abs(x), axes, keepdim);
    case 2:
      return euclidean(x, axes, keepdim);
    case Infinity:
      return amax(p.abs(x), axes, keepdim);
    case -Infinity:
      return amin(p.abs(x), axes, keepdim);
  }
  const zero = num(0, x), one = num(1, x);
  if (count(x, axes) === 0) {
    if (order > 0) return sum(x, axes, keepdim);
    throw new ShapeError(
      `norm: ${showShape(x.shape)} has no elements along the reduced dimension, and a norm of ` +
        `order ${order} needs at least one.`,
    );
  }
  // In units of the magnitude that counts most, whose power is 1; the norm does not depend on them.
  const size = p.abs(x), most = detach((order < 0 ? amin : amax)(size, axes, true));
  const usable = p.logicalAnd(isFinite(most), p.lt(zero, most));
  const unit = p.where(usable, most, one), scaled = p.div(size, unit);
  const root = numberNode(1 / order, x.dtype);
  const total = (powers: Node) => sum(powers, axes, true);
  let y: Node;
  if (order < 0) y = p.pow(total(powOrNumber(scaled, order, Infinity)), root);
  else {
    // From order 2 on, the second derivative at elements that are 0 is finite by itself.
    const sum = total(order < 2 ? powOrNumber(scaled, order, 0) : powNumber(scaled, order));
    const none = p.eq(sum, zero);
    y = p.where(none, zero, p.pow(p.where(none, one, sum), root));
  }
  return dropAxes(p.mul(unit, y), axes, keepdim);
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
