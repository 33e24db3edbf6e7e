/**
 * Ordering by a false dependency.
 *
 * @module
 */

import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { attr } from "../onnx/mod.ts";

/**
 * The first operand, once the second is known. It is another value than its operand to the
 * simplifier, so that what is computed from it is not shared with what was computed before: that is
 * how a backward pass recomputes instead of keeping.
 */
export const barrierPrim: Primitive<null> = definePrimitive<null>({
  name: "barrier",
  infer: ([x]) => x,
  // A reshape costs nothing, but it has to wait for its shape, which comes from the other operand.
  lower(c, [x, after], node) {
    const { shape } = node;
    const sizes = c.op("Concat", [c.ints(shape), c.op("Shape", [after])], { axis: attr.int(0) });
    const own = c.op("Slice", [sizes, c.ints([0]), c.ints([shape.length])]);
    return c.op("Reshape", [x, own], { allowzero: attr.int(1) });
  },
  vjp: (g) => [g, null],
});

/** `x`, known to the graph as another value that is not there before `after` is. */
export function barrier(x: Node, after: Node): Node {
  return apply(barrierPrim, [x, after], null);
}
