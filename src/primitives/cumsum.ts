/**
 * Running sums.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import type { DType } from "../runtime/mod.ts";
import { DTypeError } from "../graph/errors.ts";
import { apply, definePrimitive, type Node, type Primitive, type Target } from "../graph/node.ts";
import { add, cast } from "./elementwise.ts";
import type { AxisAttrs } from "./index.ts";
import { narrow, pad, reshape } from "./movement.ts";
import { checkHasAxis } from "./order.ts";
import { divisor } from "./reduce_stages.ts";

/** Static arguments of `cumsum`. */
export interface CumsumAttrs extends AxisAttrs {
  /** Whether an element's own value is left out of its sum. */
  readonly exclusive: boolean;
  /** Whether sums run from the end. */
  readonly reverse: boolean;
}

/**
 * Additions one after another up to which a float32 sum keeps its digits, and the smallest part that
 * such a sum is cut into without filling it up.
 */
const DEPTH = 128, SMALLEST = 32;

/** Running sum. */
export const cumsumPrim: Primitive<CumsumAttrs> = definePrimitive<CumsumAttrs>({
  name: "cumsum",
  infer([x], { axis }) {
    if (x.dtype === "bool" || x.dtype === "uint8") {
      throw new DTypeError(`cumsum: got ${x.dtype}, wants int32, int64 or floating point.`);
    }
    checkHasAxis("cumsum", x, axis);
    return { shape: x.shape, dtype: x.dtype };
  },
  lower(c, [x], { attrs: { axis, exclusive, reverse }, dtype, shape }) {
    const flags = { exclusive: attr.int(exclusive ? 1 : 0), reverse: attr.int(reverse ? 1 : 0) };
    if (!hasKernel(c.target, dtype)) return c.op("CumSum", [x, c.scalar("int64", axis)], flags);
    const attributes = { ...flags, axis: attr.int(axis), shape: attr.ints([...shape]) };
    const name = dtype === "float32" ? "RunningSumF32" : "RunningSumF64";
    return c.ops(name, [x], attributes, { domain: "torchopt" })[0];
  },
  vjp: (g, { attrs: { axis, exclusive, reverse } }) => [
    cumsum(g, axis, { exclusive, reverse: !reverse }),
  ],
  batch: ({ attrs }, [x]) => cumsum(x, attrs.axis + 1, attrs),
  simplify: (node) =>
    node.inputs[0].shape[node.attrs.axis] === 1 && !node.attrs.exclusive ? node.inputs[0] : node,
  decompose(node, target) {
    const { inputs: [x], attrs } = node;
    if (x.dtype === "float16") {
      return cast(cumsum(cast(x, "float32"), attrs.axis, attrs), "float16");
    }
    if (x.dtype !== "float32" || hasKernel(target, x.dtype)) return null;
    return x.shape[attrs.axis] > DEPTH ? inParts(x, attrs) : null;
  },
});

/** Whether a kernel adds up in float64, one sum beside the other. */
function hasKernel(target: Target, dtype: DType): boolean {
  return (dtype === "float32" || dtype === "float64") && target.has("torchopt.RunningSum", dtype);
}

/** Sums within parts, each with the sum of the parts before it added: rounding errors stay small. */
function inParts(x: Node, attrs: CumsumAttrs): Node {
  const { axis, exclusive, reverse } = attrs;
  const n = x.shape[axis], fitting = divisor(n, DEPTH);
  const size = fitting < SMALLEST ? DEPTH : fitting, count = Math.ceil(n / size);
  const before = x.shape.slice(0, axis), after = x.shape.slice(axis + 1);
  const none = x.shape.map(() => 0);
  const filled = pad(x, none, x.shape.map((_, i) => i === axis ? count * size - n : 0));
  const parts = reshape(filled, [...before, count, size, ...after]);
  const sums = cumsum(parts, axis + 1, { exclusive, reverse });
  const end = (y: Node) => narrow(y, axis + 1, reverse ? 0 : size - 1, 1);
  const totals = exclusive ? add(end(sums), end(parts)) : end(sums);
  const offsets = cumsum(totals, axis, { exclusive: true, reverse });
  return narrow(reshape(add(sums, offsets), filled.shape), axis, 0, n);
}

/** Options of `cumsum`. */
export interface CumsumOptions {
  /** Leave an element's own value out (default false). */
  readonly exclusive?: boolean;
  /** Sum from the end (default false). */
  readonly reverse?: boolean;
}

/** Running sum along an axis. */
export function cumsum(x: Node, axis: number, options: CumsumOptions = {}): Node {
  const { exclusive = false, reverse = false } = options;
  return apply(cumsumPrim, [x], { axis, exclusive, reverse });
}
