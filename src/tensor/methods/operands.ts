/**
 * Operands of methods, brought to one type.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { normalizeAxis } from "../../graph/shape.ts";
import type { Node } from "../../graph/node.ts";
import type { TensorCore, TensorLike } from "../core.ts";
import { floating, floatingPair, pair } from "../promotion.ts";
import type { Tensor } from "../tensor.ts";
import { describe } from "../describe.ts";

/** A tensor and what it meets, in one dtype. Every core object is a full tensor. */
export function pairOf(x: TensorCore, other: TensorLike): [Node, Node] {
  return pair(x as Tensor, other);
}

/** A tensor and what it meets, in one floating-point type. */
export function floatPairOf(x: TensorCore, other: TensorLike): [Node, Node] {
  return floatingPair(x as Tensor, other);
}

/** A tensor as floating point. */
export function floatOf(x: TensorCore): Node {
  return floating(x as Tensor);
}

/** A list of sizes or dimensions: separate numbers, or one array of them. */
export type Sizes = number[] | [readonly number[]];

/** The numbers of such a list; a TypeError that names `op` where it is none. */
export function sizesOf(op: string, args: Sizes): readonly number[] {
  const list = args.length === 1 && typeof args[0] !== "number" ? args[0] : args as number[];
  if (Array.isArray(list) && list.every((n) => typeof n === "number")) return list;
  throw new TypeError(
    `${op}: got ${describe(list)}, wants whole numbers, or one array of them.`,
  );
}

/** Throws a RangeError that names `op` unless an argument is a whole number, `least` or more. */
export function checkWhole(op: string, name: string, value: number, least = -Infinity): void {
  if (Number.isInteger(value) && value >= least) return;
  const bound = least === -Infinity ? "" : ` >= ${least}`;
  throw new RangeError(`${op}: ${name} is a whole number${bound}, got ${describe(value)}.`);
}

/** A dimension of x counted from the front; a scalar, which has none to cut, is a ShapeError. */
export function ownAxis(op: string, x: Node, dim: number): number {
  const rank = x.shape.length, axis = normalizeAxis(op, dim, rank);
  if (rank > 0) return axis;
  throw new ShapeError(`${op}: got a scalar, wants at least one dimension; unsqueeze(0) it.`);
}
