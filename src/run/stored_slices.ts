/**
 * Slices of tensors in memory that move from run to run (`src/graph/moving_slices.ts`): they are copied
 * before the run, which takes them as inputs.
 *
 * @module
 */

import { isMoving, noteSlice } from "../graph/moving_slices.ts";
import type { Node } from "../graph/node.ts";
import { contiguousStrides } from "../graph/shape.ts";
import { checkFresh } from "../lower/walk.ts";
import { type SliceAttrs, slicePrim } from "../primitives/movement.ts";
import { Storage, type TypedArray } from "../runtime/mod.ts";

/** Copies the slices of a graph that move, as far as they can be had; gives the nodes and their values. */
export function movingSlices(nodes: readonly Node[]): [Node, Storage][] {
  const found: [Node, Storage][] = [];
  for (const node of nodes) {
    if (node.prim !== slicePrim) continue;
    const [x] = node.inputs, attrs = node.attrs as SliceAttrs;
    if (!isMoving(x.shape, attrs)) noteSlice(x.shape, attrs);
    else if (x.storage?.onHost) found.push([node, copy(x, attrs)]);
  }
  return found;
}

/** The elements of a slice with steps of 1. */
function copy(x: Node, { starts, sizes }: SliceAttrs): Storage {
  checkFresh(x);
  const from = x.storage!.host(), strides = contiguousStrides(x.shape);
  const length = sizes.reduce((n, d) => n * d, 1),
    to = from.slice(0, 0).constructor as new (
      n: number,
    ) => TypedArray;
  const result = new to(length);
  // Dimensions from `inner` on lie together.
  let inner = sizes.length - 1;
  while (inner > 0 && sizes[inner] === x.shape[inner]) inner--;
  const run = sizes.slice(Math.max(inner, 0)).reduce((n, d) => n * d, 1);
  const at = sizes.map(() => 0);
  for (let done = 0; done < length; done += run) {
    const first = strides.reduce((sum, s, i) => sum + s * (starts[i] + at[i]), 0);
    // deno-lint-ignore no-explicit-any
    result.set(from.subarray(first, first + run) as any, done);
    for (let i = inner - 1; i >= 0; i--) {
      if (++at[i] < sizes[i]) break;
      at[i] = 0;
    }
  }
  return Storage.from(result, x.dtype);
}
