/**
 * Functions with a derivative given by hand.
 *
 * @module
 */

import { GradientError, ShapeError } from "../graph/errors.ts";
import { nextEpoch, Node } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { custom } from "../primitives/custom.ts";
import { alias, detach } from "../primitives/movement.ts";
import { sweep, zerosNode } from "../primitives/reverse.ts";
import { type PyTree, type TreeDef, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { checkFunction } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";
import { Tensor } from "../tensor/tensor.ts";
import { outputsOf } from "./differentiate.ts";
import { surroundings } from "./implicit.ts";
import type { Gradient } from "./types.ts";

type Tree = PyTree<Tensor>;

/** What the backward function may use. */
export interface Saved<A extends unknown[] = Tensor[], R = Tensor> {
  /** Arguments of the call, with their values of that time: gradients through them are of higher order. */
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
 * That holds for the arguments. What `forward` reads from its surroundings, such as a module's
 * parameters, is differentiated as the graph of `forward` says; `detach()` what shall not be. Values
 * that `forward` leaves behind for `backward` depend on the arguments as their graph says, so that
 * derivatives of higher order are right. Wrap in `noGrad()` what needs no derivative of any order,
 * such as the iterations of a solver.
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
    const operands = new Operands(args);
    const since = nextEpoch(), roots = new Set<Node>();
    const given = operands.with((x) => {
      if (!x.requiresGrad) return null;
      const root = alias(x);
      roots.add(root);
      return root;
    });
    const { leaves, def } = outputsOf("customVjp", forward(...given as A));
    const outs = leaves.map((o) => o.node), outside = surroundings(outs, since, roots);
    const rule = (gs: (Node | null)[]): (Node | null)[] => {
      const cotangents = treeUnflatten(def, outs.map((x, i) => wrap(gs[i] ?? zerosNode(x))));
      const saved = { args: operands.with((x) => x) as A, output: result };
      const own = operands.gradients(backward(cotangents as Gradient<R>, saved));
      return [...own, ...gradients(outs, gs, outside, roots)];
    };
    const results = custom(outs.map(detach), [...operands.tensors, ...outside], rule);
    const result = treeUnflatten(def, results.map(wrap)) as R;
    return result;
  };
}

/** The arguments of a call, with the values of that time. */
class Operands {
  readonly #parts: { leaves: readonly unknown[]; def: TreeDef }[];
  /** Leaves of all arguments; nodes of those that are tensors. */
  readonly #leaves: readonly unknown[];

  constructor(args: readonly unknown[]) {
    this.#parts = args.map((a) => treeFlatten(a as Tree));
    this.#leaves = this.#parts.flatMap(({ leaves }) =>
      leaves.map((x) => x instanceof Tensor ? x.node : x)
    );
  }

  /** Their tensors. */
  get tensors(): Node[] {
    return this.#leaves.filter((x) => x instanceof Node);
  }

  /** The arguments, on nodes of the caller's choice; null keeps a tensor. */
  with(choose: (x: Node) => Node | null): unknown[] {
    let at = 0;
    return this.#parts.map(({ leaves, def }) =>
      treeUnflatten(
        def,
        leaves.map((leaf) => {
          const x = this.#leaves[at++];
          const node = x instanceof Node ? choose(x) : null;
          return (node === null ? leaf : wrap(node)) as Tree;
        }),
      )
    );
  }

  /** Gradients of their tensors, from those of the arguments. */
  gradients(grads: readonly unknown[]): (Node | null)[] {
    const parts = this.#parts;
    if (!Array.isArray(grads) || grads.length !== parts.length) {
      throw new GradientError(
        `customVjp: backward returned ${Array.isArray(grads) ? grads.length : typeof grads} ` +
          `gradient(s) for ${parts.length} argument(s); return an array with one each (null for none).`,
      );
    }
    const given = grads.flatMap((g, i): (Tensor | null)[] => {
      const { length } = parts[i].leaves;
      if (g === null || g === undefined) return new Array(length).fill(null);
      const list = treeFlatten(g as Tree, { noneIsLeaf: true }).leaves as (Tensor | null)[];
      if (list.length === length) return list;
      throw new GradientError(
        `customVjp: the gradient of argument ${i} has ${list.length} tensor(s), the argument ` +
          `${length}; give the same structure.`,
      );
    });
    return this.#leaves.flatMap((x, i) => {
      if (!(x instanceof Node)) return [];
      const g = given[i];
      if (g === null) return [null];
      checkTensor("customVjp", "a gradient", g);
      if (sameShape(g.shape, x.shape)) return [g.node];
      throw new ShapeError(
        `customVjp: a gradient has shape ${showShape(g.shape)}, its argument ` +
          `${showShape(x.shape)}; they must be equal.`,
      );
    });
  }
}

/** Gradients of the surroundings, by the graph of the function; its arguments are independent. */
function gradients(
  outputs: readonly Node[],
  cotangents: readonly (Node | null)[],
  outside: readonly Node[],
  roots: ReadonlySet<Node>,
): (Node | null)[] {
  if (outside.length === 0) return [];
  const used = outputs.map((_, i) => i).filter((i) =>
    outputs[i].requiresGrad && cotangents[i] !== null
  );
  const targets = new Set(outside);
  const found = sweep(
    used.map((i) => outputs[i]),
    used.map((i) => cotangents[i]!),
    targets,
    targets.union(roots),
    true,
  );
  return outside.map((x) => found.cotangents.get(x) ?? null);
}
