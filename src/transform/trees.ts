/**
 * Trees of updates and the trees that go with them.
 *
 * @module
 */

import type { TensorTree } from "../base.ts";
import { DTypeError } from "../graph/errors.ts";
import { isFloat } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { flattenUpTo, formatPath, type TreeDef, treeFlatten } from "../pytree/mod.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { describe } from "./options.ts";

/** The leaves of a tree of updates; null where a parameter has no gradient. */
export interface Leaves {
  readonly leaves: readonly (Tensor | null)[];
  readonly def: TreeDef;
}

/** Takes a tree of updates apart; throws unless they are floating-point tensors or null. */
export function takeUpdates(op: string, updates: TensorTree): Leaves {
  const { leaves, def } = treeFlatten<Tensor | null | undefined>(updates, { noneIsLeaf: true });
  leaves.forEach((leaf, i) => {
    if (leaf === null || leaf === undefined) return;
    if (leaf instanceof TensorCore) {
      if (isFloat(leaf.dtype)) return;
      throw new DTypeError(
        `${op}: the update at ${
          formatPath(def.paths()[i])
        } is ${leaf.dtype}, wants floating point; ` +
          `convert it first, as in g.to("float32").`,
      );
    }
    throw new TypeError(
      `${op}: the update at ${formatPath(def.paths()[i])} is ${
        describe(leaf)
      }, wants a tensor or ` +
        `null.`,
    );
  });
  return { leaves: leaves.map((leaf) => leaf ?? null), def };
}

/** Throws a TypeError unless `state` is an object with these keys. */
export function checkState(op: string, state: unknown, keys: readonly string[]): void {
  const isObject = typeof state === "object" && state !== null && !Array.isArray(state);
  if (isObject && keys.every((key) => key in state)) return;
  throw new TypeError(
    `${op}: got ${describe(state)} as state, wants an object with ${keys.join(", ")}; ` +
      `call init(params) first and hand its state on.`,
  );
}

/**
 * The leaves of a tree of the state at the places of the updates. Where there is an update, there has
 * to be a tensor, of the same shape and dtype if `alike`.
 */
export function takeState(
  op: string,
  key: string,
  { leaves, def }: Leaves,
  tree: unknown,
  alike: boolean,
): Tensor[] {
  let found: unknown[];
  try {
    found = flattenUpTo(def, tree, `state.${key}`);
  } catch (cause) {
    throw new TypeError(
      `${op}: the state belongs to another tree than the updates. ${(cause as Error).message}`,
      { cause },
    );
  }
  leaves.forEach((update, i) => {
    if (update === null) return;
    const slot = found[i];
    const mismatch = !(slot instanceof TensorCore)
      ? `${key} is ${describe(slot)}`
      : alike && !sameShape(slot.shape, update.shape)
      ? `the update has shape ${showShape(update.shape)}, ${key} ${showShape(slot.shape)}`
      : alike && slot.dtype !== update.dtype
      ? `the update is ${update.dtype}, ${key} ${slot.dtype}`
      : null;
    if (mismatch === null) return;
    throw new TypeError(
      `${op}: the state belongs to another tree than the updates: at ` +
        `${
          formatPath(def.paths()[i])
        } ${mismatch}; init(params) makes a state for these parameters.`,
    );
  });
  return found as Tensor[];
}

/** The parameters at the places of the updates. */
export function takeParams(
  op: string,
  { leaves, def }: Leaves,
  params: TensorTree | undefined,
): Tensor[] {
  if (params === undefined || params === null) {
    throw new TypeError(
      `${op}: got no params, and weight decay needs them: call update(updates, state, { params }).`,
    );
  }
  const found = flattenUpTo(def, params, `${op}: params`);
  leaves.forEach((update, i) => {
    const param = found[i];
    if (update === null) return;
    if (!(param instanceof TensorCore) || !sameShape(param.shape, update.shape)) {
      throw new TypeError(
        `${op}: at ${formatPath(def.paths()[i])} the update has shape ${
          showShape(update.shape)
        }, ` +
          `params holds ${describe(param)}.`,
      );
    }
  });
  return found as Tensor[];
}
