/**
 * Transformations that remember nothing.
 *
 * @module
 */

import type { EmptyState, GradientTransformation } from "../base.ts";
import { builtIn } from "../combine.ts";
import { type Node, withGrad } from "../graph/node.ts";
import { treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { type NumberOf, sharedNumbers } from "./numbers.ts";
import { takeParams, takeUpdates } from "./trees.ts";

/** The new update of one leaf; `param` is there for transformations that want parameters. */
export type LeafFunction = (update: Node, param: Node, number: NumberOf) => Node;

/** A transformation that treats every leaf by itself. */
export function stateless(
  name: string,
  fn: LeafFunction,
  { wantsParams = false }: { wantsParams?: boolean } = {},
): GradientTransformation<EmptyState> {
  return builtIn<EmptyState>({
    init: () => ({}),
    update(updates, state, { params, inplace = true }) {
      const taken = takeUpdates(name, updates);
      const beside = wantsParams ? takeParams(name, taken, params) : taken.leaves;
      const number = sharedNumbers();
      const compute = () =>
        taken.leaves.map((leaf, i) =>
          leaf === null ? null : wrap(fn(leaf.node, beside[i]!.node, number))
        );
      const results = inplace ? withGrad(false, compute) : compute();
      return [treeUnflatten(taken.def, results), state];
    },
  });
}
