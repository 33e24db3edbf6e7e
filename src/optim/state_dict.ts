/**
 * States as plain data.
 *
 * @module
 */

import type { OptState } from "../base.ts";
import { withGrad } from "../graph/node.ts";
import { realizeNodes } from "../run/execute.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import {
  flattenUpTo,
  formatPath,
  type PyTree,
  treeFlatten,
  treeLeaves,
  treeMap,
  treeUnflatten,
} from "../pytree/mod.ts";
import type { TypedArray } from "../runtime/mod.ts";
import { fromTyped, TensorCore } from "../tensor/core.ts";
import { isTyped, readSaved, saved, type SavedTensor } from "../tensor/serialize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { describe } from "../transform/options.ts";

/** The state of one parameter group as plain data: a tree of saved tensors (and numbers). */
export type SavedState = PyTree<SavedTensor | number | string | boolean>;

const withNulls = { noneIsLeaf: true };

/** Copies a state to plain data; leaves that are no tensors stay what they are. */
export function save(state: OptState): SavedState {
  const leaves = treeLeaves<unknown>(state);
  realizeNodes(leaves.flatMap((x) => x instanceof TensorCore ? [x.node] : []));
  const plain = (x: unknown) =>
    x instanceof TensorCore
      ? saved(x.shape, x.dtype, (x as Tensor).data().slice() as TypedArray)
      : x;
  return treeMap(withNulls, plain, state as PyTree<unknown>) as SavedState;
}

/** What a saved state writes into a present one. */
export interface Loading {
  /** Tensors that keep their place. */
  readonly pairs: { readonly into: Tensor; readonly from: SavedTensor }[];
  /** The state with the other leaves replaced. */
  readonly state: OptState;
}

/**
 * Pairs saved tensors with those of the present state, without changing anything. Tensors, and what
 * went through JSON, are accepted as well.
 */
export function pairUp(op: string, present: OptState, state: unknown): Loading {
  const { leaves, def } = treeFlatten<unknown>(present as PyTree<unknown>, withNulls);
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
  const pairs: Loading["pairs"] = [];
  const next = leaves.map((into, i) => {
    const from = readSaved(found[i]);
    if (!(into instanceof TensorCore)) {
      return from === null
        ? found[i]
        : fromTyped(from.data.slice() as TypedArray, from.shape, from.dtype);
    }
    const fits = from !== null && sameShape(from.shape, into.shape) &&
      from.dtype === into.dtype && from.data.length === into.size &&
      isTyped(from);
    if (fits) {
      pairs.push({ into: into as Tensor, from });
      return into;
    }
    const got = from !== null
      ? `${from.dtype} of shape ${showShape(from.shape)} with ${from.data.length} elements` +
        (isTyped(from) ? "" : ` in a ${from.data.constructor.name}`)
      : describe(found[i]);
    throw new TypeError(
      `${op}: at ${formatPath(def.paths()[i])} the saved state holds ${got}, wants ` +
        `${into.dtype} of shape ${showShape(into.shape)}.`,
    );
  });
  const all = pairs.length === leaves.length;
  return { pairs, state: all ? present : treeUnflatten(def, next) as OptState };
}

/** Writes saved tensors into the present state, in place. */
export function write(loading: Loading): void {
  withGrad(false, () => {
    for (const { into, from } of loading.pairs) {
      into.assign("loadStateDict", copyOf(from, into).node);
    }
  });
}

function copyOf(from: SavedTensor, like: Tensor): Tensor {
  // Deserialized data may come in another view of the same bytes.
  const data = from.data.slice() as TypedArray;
  return fromTyped(data, like.shape, like.dtype, like.device);
}
