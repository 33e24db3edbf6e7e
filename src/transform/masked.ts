/**
 * Transforming some leaves only.
 *
 * @module
 */

import type { GradientTransformation, OptState, TensorTree } from "../base.ts";
import { asTransformation, builtIn } from "../combine.ts";
import {
  broadcastPrefix,
  flattenUpTo,
  formatPath,
  type PyTree,
  treeFlatten,
  treeMap,
  treeUnflatten,
} from "../pytree/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { describe } from "./options.ts";

/** Tree of booleans, with the structure of the parameters or of the upper part of it. */
export type MaskTree = PyTree<boolean>;

/** Which leaves a transformation is for: a tree of booleans, or a function that makes one. */
export type Mask = MaskTree | ((tree: TensorTree) => MaskTree);

/** State of `masked`. */
export type MaskedState<S = OptState> = {
  /** State of the inner transformation, with null in place of the leaves left out. */
  innerState: S;
};

/** The leaves for which the mask holds, null elsewhere; places are those of `tree`. */
function select(mask: Mask, tree: TensorTree): TensorTree {
  const prefix = typeof mask === "function" ? mask(tree) : mask;
  let full: MaskTree;
  try {
    full = broadcastPrefix(prefix, tree);
  } catch (cause) {
    throw new TypeError(
      `masked: the mask is no prefix of the tree of parameters. ${(cause as Error).message}`,
      { cause },
    );
  }
  const { leaves, def } = treeFlatten<unknown>(full);
  leaves.forEach((leaf, i) => {
    if (typeof leaf === "boolean") return;
    throw new TypeError(
      `masked: the mask at ${formatPath(def.paths()[i])} is ${describe(leaf)}, wants a boolean.`,
    );
  });
  return treeMap((leaf: Tensor, keep: boolean) => keep ? leaf : null, tree, full) as TensorTree;
}

/**
 * Applies a transformation to the leaves for which a mask holds; other updates pass unchanged.
 *
 * @param inner the transformation
 * @param mask a tree of booleans with the structure of the parameters or a prefix of it (`true` for a
 * whole subtree), or a function that returns one; the function gets the parameters at `init` and the
 * updates at `update`
 * @returns the transformation; its state holds `innerState`
 * @throws {TypeError} where the mask does not fit the tree, or holds anything but booleans
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const weightsOnly = transform.masked(transform.scale(10), { layer: { w: true, b: false } });
 * const grads = { layer: { w: tensor([1]), b: tensor([1]) } };
 * const [u] = weightsOnly.update(grads, weightsOnly.init(grads));
 * assertEquals([u.layer.w.item(), u.layer.b.item()], [10, 1]);
 * ```
 */
export function masked<S = OptState>(
  inner: GradientTransformation<S>,
  mask: Mask,
): GradientTransformation<MaskedState<S>> {
  const transformation = asTransformation<S>("masked", inner);
  return builtIn<MaskedState<S>>({
    init: (params) => ({ innerState: transformation.init(select(mask, params)) }),
    update(updates, state, { params, inplace }) {
      if (typeof state !== "object" || state === null || !("innerState" in state)) {
        throw new TypeError(
          `masked: got ${describe(state)} as state, wants an object with innerState; call ` +
            `init(params) first and hand its state on.`,
        );
      }
      const chosen = select(mask, updates);
      const [transformed, next] = transformation.update(chosen, state.innerState, {
        params,
        inplace,
      });
      const { leaves, def } = treeFlatten(updates, { noneIsLeaf: true });
      const results = flattenUpTo(def, transformed, "masked");
      const merged = treeUnflatten(def, leaves.map((leaf, i) => results[i] ?? leaf));
      return [merged as TensorTree, next === state.innerState ? state : { innerState: next }];
    },
  });
}
