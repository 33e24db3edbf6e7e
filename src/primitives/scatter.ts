/**
 * Overwriting single elements by number.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { apply, definePrimitive, type Node, type Primitive } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { num } from "./elementwise.ts";
import { type AxisAttrs, gather } from "./index.ts";
import { batchAll, expand } from "./movement.ts";

/**
 * `x` with the elements that `index` names along an axis replaced by those of `src`
 * (`torch.scatter`). Where a place is named twice, the last one stays, and as in PyTorch the
 * derivative is right for distinct places only. Inputs: x, index, src.
 */
export const scatterPrim: Primitive<AxisAttrs> = definePrimitive<AxisAttrs>({
  name: "scatter",
  index: 1,
  infer([x, index, src], { axis }) {
    if (index.dtype !== "int64" && index.dtype !== "int32") {
      throw new DTypeError(
        `scatter: the index is ${index.dtype}, wants int64 or int32; convert it with to("int64").`,
      );
    }
    if (src.dtype !== x.dtype) {
      throw new DTypeError(
        `scatter: the tensor is ${x.dtype}, the source ${src.dtype}; convert one with ` +
          `to("${x.dtype}").`,
      );
    }
    const fits = index.shape.length === x.shape.length && x.shape.length > 0 &&
      index.shape.every((d, i) => i === axis || d <= x.shape[i]);
    if (!fits || !sameShape(index.shape, src.shape)) {
      throw new ShapeError(
        `scatter: the index ${showShape(index.shape)} and the source ${showShape(src.shape)} do ` +
          `not fit ${showShape(x.shape)} along dimension ${axis}; index and source have equal ` +
          `shapes with as many dimensions as the tensor, none larger except dimension ${axis}.`,
      );
    }
    return { shape: x.shape, dtype: x.dtype };
  },
  lower: (c, inputs, node) => c.op("ScatterElements", inputs, { axis: attr.int(node.attrs.axis) }),
  vjp: (g, { inputs: [x, index, src], attrs: { axis } }, needs) => [
    needs[0] ? scatter(g, axis, index, expand(num(0, x), src.shape)) : null,
    null,
    needs[2] ? gather(g, axis, index) : null,
  ],
  batch(node, xs, batched, size) {
    const [x, index, src] = batchAll(xs, batched, size);
    return scatter(x, node.attrs.axis + 1, index, src);
  },
});

/** `x` with the elements that `index` names along an axis replaced by those of `src`. */
export function scatter(x: Node, axis: number, index: Node, src: Node): Node {
  return apply(scatterPrim, [x, index, src], { axis });
}
