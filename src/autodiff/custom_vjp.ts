/**
 * Functions with a derivative given by hand.
 *
 * @module
 */

import { GradientError, ShapeError } from "../graph/errors.ts";
import { type Node, withGrad } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { custom } from "../primitives/custom.ts";
import { detach } from "../primitives/movement.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { checkFunction } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";
import { Tensor } from "../tensor/tensor.ts";
import { outputsOf } from "./differentiate.ts";
import { zerosNode } from "../primitives/reverse.ts";
import type { Gradient } from "./types.ts";

type Tree = PyTree<Tensor>;

/** What the backward function may use. */
export interface Saved<A extends unknown[] = Tensor[], R = Tensor> {
  /** Arguments of the call, without stand-ins: gradients through them are of higher order. */
  readonly args: A;
  /** What the forward function returned. */
  readonly output: R;
}

/** One gradient for each argument, or null. */
export type ArgumentGradients<A extends unknown[]> = {
  readonly [K in keyof A]: Gradient<A[K]> | null | undefined;
};

/**
 * A function whose derivative is `backward` instead of what the graph of `forward` would give.
 *
 * @param forward a function of trees of tensors that returns a tree of tensors
 * @param backward gets the cotangents of the output (in its structure) and the saved values; returns
 * one gradient (or tree of gradients, or null) for each argument. What it builds can be
 * differentiated again.
 * @returns the function with the given derivative
 *
 * @example
 * ```ts
 * import { customVjp, func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * // The identity, with its gradient clipped to [-1, 1].
 * const clipped = customVjp((x) => x, (g) => [g.clamp(-1, 1)]);
 * const g = func.grad((x) => clipped(x).mul(5).sum())(tensor([1, 2]));
 * assertEquals(g.toArray(), [1, 1]);
 * ```
 */
export function customVjp<R, A extends unknown[] = Tensor[]>(
  forward: (...args: A) => R,
  backward: (cotangents: Gradient<R>, saved: Saved<A, R>) => ArgumentGradients<A>,
): (...args: A) => R {
  checkFunction("customVjp", forward, "the forward function");
  checkFunction("customVjp", backward, "the backward function");
  return (...args) => {
    const parts = args.map((a) => treeFlatten(a as Tree));
    const leaves = parts.flatMap((p) => p.leaves as unknown[]);
    const tensors = leaves.filter((x): x is Tensor => x instanceof Tensor);
    const output = withGrad(false, () => forward(...args));
    const { leaves: outs, def } = outputsOf("customVjp", output);
    const rule = (gs: (Node | null)[]): (Node | null)[] => {
      const cotangents = treeUnflatten(def, outs.map((o, i) => wrap(gs[i] ?? zerosNode(o.node))));
      const grads = backward(cotangents as Gradient<R>, { args, output: result });
      if (!Array.isArray(grads) || grads.length !== args.length) {
        throw new GradientError(
          `customVjp: backward returned ${Array.isArray(grads) ? grads.length : typeof grads} ` +
            `gradient(s) for ${args.length} argument(s); return an array with one each (null for none).`,
        );
      }
      const given = (grads as unknown[]).flatMap((g, i) => {
        const own = parts[i].leaves as unknown[];
        if (g === null || g === undefined) return own.map(() => null);
        const list = treeFlatten(g as Tree, { noneIsLeaf: true }).leaves as (Tensor | null)[];
        if (list.length !== own.length) {
          throw new GradientError(
            `customVjp: the gradient of argument ${i} has ${list.length} tensor(s), the argument ` +
              `${own.length}; give the same structure.`,
          );
        }
        return list;
      });
      return leaves.flatMap((x, i) => {
        if (!(x instanceof Tensor)) return [];
        const g = given[i];
        if (g === null) return [null];
        checkTensor("customVjp", "a gradient", g);
        if (!sameShape(g.shape, x.shape)) {
          throw new ShapeError(
            `customVjp: a gradient has shape ${showShape(g.shape)}, its argument ` +
              `${showShape(x.shape)}; they must be equal.`,
          );
        }
        return [g.node];
      });
    };
    const nodes = custom(outs.map((o) => detach(o.node)), tensors.map((t) => t.node), rule);
    const result = treeUnflatten(def, nodes.map(wrap)) as R;
    return result;
  };
}
