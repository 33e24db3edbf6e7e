/**
 * Whole numbers in order, as a value of the graph.
 *
 * @module
 */

import type { DType } from "../runtime/mod.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { reshape } from "./movement.ts";

/** Static arguments of `iota`. */
export interface IotaAttrs {
  /** How many numbers. */
  readonly n: number;
  /** Their type. */
  readonly dtype: DType;
}

/** 0, 1, … n - 1. It has no operands, so ONNX Runtime computes it once for each session. */
export const iotaPrim: Primitive<IotaAttrs> = definePrimitive<IotaAttrs>({
  name: "iota",
  infer: (_inputs, { n, dtype }) => ({ shape: [n], dtype }),
  lower(c, _inputs, { attrs: { n, dtype } }) {
    const numbers = c.op("Range", [
      c.scalar("int64", 0),
      c.scalar("int64", n),
      c.scalar("int64", 1),
    ]);
    return dtype === "int64" ? numbers : c.cast(numbers, dtype);
  },
  vjp: "whole numbers in order depend on nothing",
  batch: "whole numbers in order depend on nothing",
});

/** 0, 1, … n - 1. */
export function iota(n: number, dtype: DType): Node {
  return apply(iotaPrim, [], { n, dtype });
}

/** 0, 1, … n - 1 along one of `rank` dimensions, the others of size 1. */
export function iotaAlong(n: number, axis: number, rank: number, dtype: DType): Node {
  const shape = new Array<number>(rank).fill(1);
  shape[axis] = n;
  return reshape(iota(n, dtype), shape);
}
