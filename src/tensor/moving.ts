/**
 * Slices at places that are data (`src/graph/moving_slices.ts`).
 *
 * @module
 */

import { scalarNode } from "../graph/leaf.ts";
import { isMoving, type SlicePlace } from "../graph/moving_slices.ts";
import type { Node } from "../graph/node.ts";
import { sameShape, type Shape } from "../graph/shape.ts";
import { add } from "../primitives/elementwise.ts";
import { indexSelect, indexSelectPrim } from "../primitives/index.ts";
import { iota } from "../primitives/iota.ts";
import { expand, reshape, reshapePrim, slicePrim } from "../primitives/movement.ts";
import { scatter } from "../primitives/scatter.ts";

/** `n` numbers from `start`, which is data. */
function range(start: number, n: number): Node {
  const first = reshape(scalarNode(start, "int64"), [1]);
  return n === 1 ? first : add(iota(n, "int64"), first);
}

/** The same value where a node is a slice that moves (or has another shape than one); else the node. */
export function byPlace(node: Node): Node {
  // What is computed may have let go of its operands.
  if (node.storage !== null) return node;
  const slice = node.prim === reshapePrim ? node.inputs[0] : node;
  if (slice.prim !== slicePrim || slice.storage !== null) return node;
  const [x] = slice.inputs, { starts, sizes } = slice.attrs as SlicePlace;
  // What is in memory and has no derivative is copied by the run.
  if (!isMoving(x.shape, slice.attrs) || (x.storage !== null && !slice.requiresGrad)) return node;
  let y = x;
  sizes.forEach((n, axis) => {
    if (n !== x.shape[axis]) y = indexSelect(y, axis, range(starts[axis], n));
  });
  return slice === node ? y : reshape(y, node.shape);
}

/** What `byPlace` made a node from, where it is that slice; null where it is another node. */
export function beforeMove(node: Node, shape: Shape, { starts, sizes }: SlicePlace): Node | null {
  let n = node;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    if (sizes[axis] === shape[axis]) continue;
    if (n.prim !== indexSelectPrim || n.inputs.length === 0 || n.attrs.axis !== axis) return null;
    const [x, index] = n.inputs, first = index.prim === reshapePrim ? index : index.inputs[1];
    if (first?.inputs[0]?.attrs.value !== starts[axis]) return null;
    n = x;
  }
  return sameShape(n.shape, shape) ? n : null;
}

/** `x` with a slice along one dimension replaced. */
export function writeAt(x: Node, axis: number, start: number, value: Node): Node {
  const places = x.shape.map((_, i) => i === axis ? value.shape[axis] : 1);
  const index = expand(reshape(range(start, value.shape[axis]), places), value.shape);
  return scatter(x, axis, index, value);
}

/** `n` elements of `x` along one dimension from `start` on. */
export function readAt(x: Node, axis: number, start: number, n: number): Node {
  return indexSelect(x, axis, range(start, n));
}
