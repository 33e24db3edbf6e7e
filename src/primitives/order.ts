/**
 * Primitives along one axis that depend on order: places of extrema, sorting.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import {
  apply,
  type Aval,
  definePrimitive,
  isFloat,
  type Node,
  type Primitive,
} from "../graph/node.ts";
import { reducedShape, showShape } from "../graph/shape.ts";
import { num } from "./elementwise.ts";
import { type AxisAttrs, scatterAdd } from "./index.ts";
import { expand } from "./movement.ts";
import { extremumPlace, firstExtremum, type Ordered, ordered } from "./nan_order.ts";
import { project } from "./tuple.ts";

function checkNumber(op: string, x: Node): void {
  if (x.dtype === "bool") {
    throw new DTypeError(`${op}: got bool, wants numbers; convert with to("int64").`);
  }
}

/** Refuses an axis that x does not have. */
export function checkHasAxis(op: string, x: Node, axis: number): void {
  if (axis >= x.shape.length) {
    throw new ShapeError(
      `${op}: ${showShape(x.shape)} has no dimension ${axis}; unsqueeze() a scalar first.`,
    );
  }
}

/** What an order of floating-point values works on. */
function along(x: string, { dtype, shape }: Node, axis: number): Ordered {
  return { x, dtype, axis, shape };
}

/** Static arguments of `argmax` and `argmin`. */
export interface ArgReduceAttrs extends AxisAttrs {
  /** Whether the axis stays with size 1. */
  readonly keepdim: boolean;
}

function argReduce(
  name: "argmax" | "argmin",
  onnx: "ArgMax" | "ArgMin",
): Primitive<ArgReduceAttrs> {
  return definePrimitive<ArgReduceAttrs>({
    name,
    infer([x], { axis, keepdim }) {
      checkNumber(name, x);
      checkHasAxis(name, x, axis);
      if (x.shape[axis] === 0) {
        throw new ShapeError(
          `${name}: dimension ${axis} of ${showShape(x.shape)} is empty; ` +
            `an extremum needs at least one element.`,
        );
      }
      return { shape: reducedShape(x.shape, [axis], keepdim), dtype: "int64" };
    },
    lower(c, [x], { inputs: [of], attrs: { axis, keepdim } }) {
      const place = isFloat(of.dtype) ? extremumPlace : firstExtremum;
      return place(c, onnx, along(x, of, axis), keepdim);
    },
    vjp: `${name} gives whole numbers, which have no derivative`,
    batch: ({ prim, attrs: { axis, keepdim } }, [x]) =>
      apply(prim, [x], { axis: axis + 1, keepdim }),
  });
}
/** Place of the largest element along an axis; the first of equals, or the first NaN. */
export const argmaxPrim: Primitive<ArgReduceAttrs> = argReduce("argmax", "ArgMax");
/** Place of the smallest element along an axis; the first of equals, or the first NaN. */
export const argminPrim: Primitive<ArgReduceAttrs> = argReduce("argmin", "ArgMin");

/** Static arguments of `topk`. */
export interface TopkAttrs extends AxisAttrs {
  /** Number of elements taken. */
  readonly k: number;
  /** Whether the largest are taken, in descending order; else the smallest, ascending. */
  readonly largest: boolean;
}

/**
 * The k largest or smallest elements along an axis in order, and their places (int64). Equal elements
 * keep their order; NaN is larger than all numbers. Results: values, places.
 */
export const topkPrim: Primitive<TopkAttrs> = definePrimitive<TopkAttrs>({
  name: "topk",
  infer([x], { axis, k }): Aval[] {
    checkNumber("topk", x);
    checkHasAxis("topk", x, axis);
    if (!Number.isInteger(k) || k < 0 || k > x.shape[axis]) {
      throw new ShapeError(
        `topk: got k = ${k}, wants a whole number from 0 to ${x.shape[axis]}, the size of ` +
          `dimension ${axis} of ${showShape(x.shape)}.`,
      );
    }
    const shape = x.shape.map((d, i) => i === axis ? k : d);
    return [{ shape, dtype: x.dtype }, { shape, dtype: "int64" }];
  },
  lower(c, [x], { inputs: [of], attrs: { axis, k, largest } }) {
    if (isFloat(of.dtype)) return ordered(c, along(x, of, axis), k, largest);
    return c.ops("TopK", [x, c.ints([k])], {
      axis: attr.int(axis),
      largest: attr.int(largest ? 1 : 0),
      sorted: attr.int(1),
    }, { outputs: 2 });
  },
  vjp(g: readonly (Node | null)[], node) {
    const [x] = node.inputs;
    if (g[0] === null) return [null];
    return [scatterAdd(expand(num(0, x), x.shape), node.attrs.axis, project(node, 1), g[0])];
  },
  batch: ({ attrs: { axis, k, largest } }, [x]) => topk(x, k, axis + 1, largest),
});

/** Place of the largest element along an axis. */
export function argmax(x: Node, axis: number, keepdim: boolean): Node {
  return apply(argmaxPrim, [x], { axis, keepdim });
}
/** Place of the smallest element along an axis. */
export function argmin(x: Node, axis: number, keepdim: boolean): Node {
  return apply(argminPrim, [x], { axis, keepdim });
}
/** The k largest or smallest elements along an axis, and their places. */
export function topk(x: Node, k: number, axis: number, largest: boolean): [Node, Node] {
  const both = apply(topkPrim, [x], { axis, k, largest });
  return [project(both, 0), project(both, 1)];
}
/** All elements along an axis in ascending or descending order, and their places. Stable. */
export function sort(x: Node, axis: number, descending: boolean): [Node, Node] {
  checkHasAxis("sort", x, axis);
  return topk(x, x.shape[axis], axis, descending);
}
/** Places of the elements in ascending or descending order. Stable. */
export function argsort(x: Node, axis: number, descending: boolean): Node {
  return sort(x, axis, descending)[1];
}
