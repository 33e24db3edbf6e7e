/**
 * Applying updates to parameters.
 *
 * @module
 */

import type { TensorTree } from "./base.ts";
import { ShapeError } from "./graph/errors.ts";
import { type Node, withGrad } from "./graph/node.ts";
import { sameShape, showShape } from "./graph/shape.ts";
import { add, cast } from "./primitives/elementwise.ts";
import {
  flattenUpTo,
  formatPath,
  treeFlatten,
  type TreePath,
  treeUnflatten,
} from "./pytree/mod.ts";
import { TensorCore, wrap } from "./tensor/core.ts";
import { commitStep } from "./tensor/pending.ts";
import type { Tensor } from "./tensor/tensor.ts";
import { checkNames, describe } from "./transform/options.ts";
import { assign, transaction } from "./transform/transaction.ts";

const NAMES = ["inplace"];

/** Options of `applyUpdates`. */
export interface ApplyUpdatesOptions {
  /** Whether the parameters are changed in place (default true), or new tensors returned. */
  readonly inplace?: boolean;
}

/** The new value of a parameter. Where it and its update do not go together, `where` names them. */
export function updated(param: unknown, update: unknown, op: string, where: () => TreePath): Node {
  if (!(update instanceof TensorCore)) {
    throw new TypeError(
      `${op}: the update at ${formatPath(where())} is ${describe(update)}, wants a tensor or null.`,
    );
  }
  if (!(param instanceof TensorCore)) {
    throw new TypeError(
      `${op}: at ${formatPath(where())} there is an update, but ${describe(param)} in place of a ` +
        `parameter.`,
    );
  }
  if (!sameShape(param.shape, update.shape)) {
    throw new ShapeError(
      `${op}: at ${formatPath(where())} the update has shape ${
        showShape(update.shape)
      }, the parameter ` +
        `${showShape(param.shape)}; they must be equal.`,
    );
  }
  const node = param.node;
  return add(node, cast(update.node, node.dtype));
}

/**
 * Adds updates to parameters. A null update leaves its parameter as it is.
 *
 * In place, the tensors of `params` take new values and stay what they are (leaves keep
 * `requiresGrad` and `grad`); all that waits for the step (gradients, states, parameters, the loss)
 * is computed in one run, over the old memory where that is safe. Otherwise new tensors are returned,
 * which can be differentiated with respect to parameters and updates.
 *
 * @param params tree of parameters
 * @param updates tree of the same structure
 * @param options `inplace` (default true)
 * @returns `params` itself in place, else a tree of new tensors
 * @throws {TypeError} where the trees differ; it names the path. Then nothing is changed.
 * @throws {ShapeError} where an update has not the shape of its parameter
 *
 * @example
 * ```ts
 * import { applyUpdates, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const params = { w: tensor([1, 2]), b: tensor(0) };
 * const next = applyUpdates(params, { w: tensor([10, 10]), b: null }, { inplace: false });
 * assertEquals(next.w.toArray(), [11, 12]);
 * assertEquals(params.w.toArray(), [1, 2]);
 * ```
 */
export function applyUpdates<T extends TensorTree>(
  params: T,
  updates: TensorTree,
  options: ApplyUpdatesOptions = {},
): T {
  checkNames("applyUpdates", options, NAMES);
  const { inplace = true } = options;
  const { leaves, def } = treeFlatten<Tensor | null | undefined>(updates, { noneIsLeaf: true });
  const targets = flattenUpTo(def, params, "applyUpdates");
  const compute = () =>
    leaves.map((update, i) =>
      update === null || update === undefined
        ? null
        : updated(targets[i], update, "applyUpdates", () => def.paths()[i])
    );
  if (!inplace) {
    return treeUnflatten(
      def,
      compute().map((node, i) => {
        if (node === null) return targets[i];
        // A later read of the loss stores the parameters too, so that the next step starts there.
        node.keep = true;
        return wrap(node);
      }),
    ) as T;
  }
  const nodes = withGrad(false, compute);
  transaction(() => {
    nodes.forEach((node, i) => {
      if (node !== null) assign(targets[i] as Tensor, node);
    });
  });
  commitStep();
  return params;
}
