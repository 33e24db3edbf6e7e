/**
 * What convolution and pooling share: arguments for each dimension, missing batches.
 *
 * @module
 */

import type { PerDimension } from "./options.ts";
import type { Node } from "../../graph/node.ts";
import { reshape } from "../../primitives/movement.ts";
import { wrap } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArray } from "../../tensor/describe.ts";

/** An argument as one whole number for each dimension; a RangeError names it. */
export function each(
  op: string,
  name: string,
  value: PerDimension,
  rank: number,
  least: number,
): number[] {
  if (typeof value !== "number") {
    checkArray(op, name, value, "a whole number, or one for each dimension");
  }
  const list = typeof value === "number" ? new Array<number>(rank).fill(value) : [...value];
  if (list.length !== rank || !list.every((v) => Number.isInteger(v) && v >= least)) {
    throw new RangeError(
      `${op}: ${name} is a whole number >= ${least}, or ${rank} of them; got ${
        JSON.stringify(value)
      }.`,
    );
  }
  return list;
}

/** Adds a batch dimension where there is none, and takes it away from the result. */
export function batched(x: Node, rank: number, fn: (x: Node) => Node): Tensor {
  if (x.shape.length !== rank + 1) return wrap(fn(x));
  const y = fn(reshape(x, [1, ...x.shape]));
  return wrap(reshape(y, y.shape.slice(1)));
}
