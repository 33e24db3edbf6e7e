/**
 * States as plain data.
 *
 * @module
 */

import type { OptState, TensorTree } from "../base.ts";
import { withGrad } from "../graph/node.ts";
import { realizeNodes } from "../graph/realize.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import {
  flattenUpTo,
  formatPath,
  type PyTree,
  treeFlatten,
  treeLeaves,
  treeMap,
} from "../pytree/mod.ts";
import { DTYPES, type TypedArray } from "../runtime/mod.ts";
import { fromTyped } from "../tensor/core.ts";
import { readSaved, saved, type SavedTensor } from "../tensor/saved.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { describe } from "../transform/options.ts";

/** The state of one parameter group as plain data: a tree of saved tensors. */
export type SavedState = PyTree<SavedTensor>;

/** Copies a state to plain data. */
export function save(state: OptState): SavedState {
  const tensors = treeLeaves<Tensor>(state as TensorTree);
  realizeNodes(tensors.map((t) => t.node));
  return treeMap(
    (t: Tensor): SavedTensor => saved(t.shape, t.dtype, t.data().slice()),
    state as TensorTree,
  ) as SavedState;
}

/** What a saved state writes into a present one. */
export type Loading = { readonly into: Tensor; readonly from: SavedTensor }[];

/**
 * Pairs saved tensors with those of the present state, without changing anything. Tensors, and what
 * went through JSON, are accepted as well.
 */
export function pairUp(op: string, present: OptState, state: unknown): Loading {
  const { leaves, def } = treeFlatten<Tensor>(present as TensorTree);
  let found: unknown[];
  try {
    found = flattenUpTo(def, state, op);
  } catch (cause) {
    throw new TypeError(
      `${op}: the saved state belongs to other parameters or another optimizer. ` +
        (cause as Error).message,
      { cause },
    );
  }
  return leaves.map((into, i) => {
    const from = readSaved(found[i]);
    const fits = from !== null && sameShape(from.shape, into.shape) &&
      from.dtype === into.dtype && from.data.length === into.size &&
      DTYPES[from.dtype].holds(from.data);
    if (fits) return { into, from };
    const got = from !== null
      ? `${from.dtype} of shape ${showShape(from.shape)} with ${from.data.length} elements` +
        (DTYPES[from.dtype].holds(from.data) ? "" : ` in a ${from.data.constructor.name}`)
      : describe(found[i]);
    throw new TypeError(
      `${op}: at ${formatPath(def.paths()[i])} the saved state holds ${got}, wants ` +
        `${into.dtype} of shape ${showShape(into.shape)}.`,
    );
  });
}

/** Writes saved tensors into the present state, in place. */
export function write(loading: Loading): void {
  withGrad(false, () => {
    for (const { into, from } of loading) {
      into.assign("loadStateDict", copyOf(from, into).node);
    }
  });
}

function copyOf(from: SavedTensor, like: Tensor): Tensor {
  // Deserialized data may come in another view of the same bytes.
  const data = from.data.slice() as TypedArray;
  return fromTyped(data, like.shape, like.dtype, like.device);
}
