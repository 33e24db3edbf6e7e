/**
 * Operands of methods, brought to one type.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { floating, pair, type TensorCore, type TensorLike } from "./core.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor and what it meets, in one dtype. Every core object is a full tensor. */
export function pairOf(x: TensorCore, other: TensorLike): [Node, Node] {
  return pair(x as Tensor, other);
}

/** A tensor as floating point. */
export function floatOf(x: TensorCore): Node {
  return floating(x as Tensor);
}

/** A list of sizes or dimensions: separate numbers, or one array of them. */
export type Sizes = number[] | [readonly number[]];

/** The numbers of such a list. */
export function sizesOf(args: Sizes): readonly number[] {
  return args.length === 1 && typeof args[0] !== "number" ? args[0] : args as number[];
}
