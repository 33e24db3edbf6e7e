/**
 * Slices at places that are data (`src/graph/moving_slices.ts`).
 *
 * @module
 */

import { scalarNode } from "../graph/leaf.ts";
import { isMoving, type SlicePlace } from "../graph/moving_slices.ts";
import type { Node } from "../graph/node.ts";
import { add } from "../primitives/elementwise.ts";
import { indexSelect } from "../primitives/index.ts";
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
