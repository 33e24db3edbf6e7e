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
import { type DType, DTYPES, type TypedArray } from "../runtime/mod.ts";
import { fromTyped, TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { describe } from "../transform/options.ts";

/** A tensor as plain data; `structuredClone` copies it, and files can hold it. */
export type SavedTensor = {
  /** Sizes of the dimensions. */
  shape: readonly number[];
  /** Element type. */
  dtype: DType;
  /** Elements in row-major order. */
  data: TypedArray;
};

/** The state of one parameter group as plain data: a tree of saved tensors. */
export type SavedState = PyTree<SavedTensor>;

function isSaved(value: unknown): value is SavedTensor {
  const { shape, dtype, data } = (value ?? {}) as Partial<SavedTensor>;
  return Array.isArray(shape) && typeof dtype === "string" && dtype in DTYPES &&
    ArrayBuffer.isView(data);
}

/** Copies a state to plain data. */
export function save(state: OptState): SavedState {
  const tensors = treeLeaves<Tensor>(state as TensorTree);
  realizeNodes(tensors.map((t) => t.node));
  return treeMap(
    (t: Tensor): SavedTensor => ({ shape: [...t.shape], dtype: t.dtype, data: t.data().slice() }),
    state as TensorTree,
  ) as SavedState;
}

/** What a saved state writes into a present one. */
export type Loading = { readonly into: Tensor; readonly from: SavedTensor }[];

/**
 * Pairs saved tensors with those of the present state, without changing anything. Tensors are
 * accepted in place of saved ones.
 */
export function pairUp(op: string, present: OptState, saved: unknown): Loading {
  const { leaves, def } = treeFlatten<Tensor>(present as TensorTree);
  let found: unknown[];
  try {
    found = flattenUpTo(def, saved, op);
  } catch (cause) {
    throw new TypeError(
      `${op}: the saved state belongs to other parameters or another optimizer. ` +
        (cause as Error).message,
      { cause },
    );
  }
  return leaves.map((into, i) => {
    const value = found[i];
    const from = value instanceof TensorCore
      ? { shape: value.shape, dtype: value.dtype, data: value.data() }
      : value;
    const fits = isSaved(from) && sameShape(from.shape, into.shape) && from.dtype === into.dtype &&
      from.data.length === into.size;
    if (fits) return { into, from };
    const got = isSaved(from)
      ? `${from.dtype} of shape ${showShape(from.shape)} with ${from.data.length} elements`
      : describe(from);
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
