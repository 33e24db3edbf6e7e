/**
 * Values that are given by an equation: the implicit function theorem as a derivative rule.
 *
 * @module
 */

import { isLeafNode } from "../graph/leaf.ts";
import { isGradEnabled, nextEpoch, type Node, withGrad } from "../graph/node.ts";
import { custom } from "../primitives/custom.ts";
import { alias, detach } from "../primitives/movement.ts";
import { sweep, zerosNode } from "../primitives/reverse.ts";
import { wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A list of tensors, seen as one vector. */
export type Leaves = readonly Tensor[];

/** A linear function of such vectors. */
export type LinearMap = (x: Leaves) => Tensor[];

/** A new handle on a value, from which one differentiates. */
function root(node: Node): Tensor {
  const own = alias(node);
  own.requiresGrad = true;
  return wrap(own);
}

/** The derivative of recorded outputs, transposed, as a function of their cotangents. */
function pullbackOf(outputs: Leaves, roots: Leaves): LinearMap {
  // Nodes of here: inside of a trace, handles from outside would stand for others.
  const outs = outputs.map((y) => y.node), nodes = roots.map((x) => x.node), ends = new Set(nodes);
  return (gs) => {
    const { cotangents } = sweep(outs, gs.map((g) => g.node), ends, ends, true);
    return nodes.map((node) => wrap(cotangents.get(node) ?? zerosNode(node)));
  };
}

/** The transpose of a linear function of vectors like `like`. */
export function transpose(fn: LinearMap, like: Leaves): LinearMap {
  return withGrad(true, () => {
    const roots = like.map((x) => root(zerosNode(x.node)));
    return pullbackOf(fn(roots), roots);
  });
}

/** Nodes from before `since`, and leaves, that `outputs` were recorded from, but for `roots`. */
export function surroundings(
  outputs: readonly Node[],
  since: number,
  roots: ReadonlySet<Node>,
): Node[] {
  const found: Node[] = [], stack = [...outputs], epoch = nextEpoch();
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (!node.requiresGrad || node.mark === epoch) continue;
    node.mark = epoch;
    if (roots.has(node)) continue;
    if (node.made < since || isLeafNode(node)) found.push(node);
    else for (const x of node.inputs) stack.push(x);
  }
  return found;
}

/** What a derivative rule builds: tensors, and their cotangents. */
export interface Pulled {
  readonly outputs: Leaves;
  readonly seeds: Leaves;
}

/**
 * `values`, with a derivative with respect to what `outputs` are made of: that of the inner product of
 * the tensors and cotangents that `rule` gives.
 *
 * @param values where the tensors come from does not matter
 * @param outputs tensors that depend on all that the values depend on, made of `ends`, which stand for
 * the values
 * @param rule gets stand-ins for the values that are independent, and the cotangents; what further
 * tensors `outputs` are to be independent of, `apart` makes independent
 */
export function derived(
  values: Leaves,
  outputs: (x: Leaves) => Leaves,
  rule: (x: Leaves, g: Leaves, apart: (x: Leaves) => Tensor[]) => Pulled,
): Tensor[] {
  const solution = values.map((x) => detach(x.node));
  if (!isGradEnabled()) return solution.map(wrap);
  const since = nextEpoch(), ends = solution.map(root);
  const nodes = outputs(ends).map((r) => r.node);
  const outside = surroundings(nodes, since, new Set(ends.map((x) => x.node)));
  if (outside.length === 0) return solution.map(wrap);
  const results = custom(solution, outside, (gs) => {
    const independent: Node[] = [];
    const apart = (xs: Leaves) =>
      xs.map((x) => {
        const own = root(x.node);
        independent.push(own.node);
        return own;
      });
    const given = gs.map((g, i) => wrap(g ?? zerosNode(solution[i])));
    const { outputs, seeds } = rule(apart(results.map(wrap)), given, apart);
    const targets = new Set(outside), last = targets.union(new Set(independent));
    const { cotangents } = sweep(
      outputs.map((y) => y.node),
      seeds.map((g) => g.node),
      targets,
      last,
      true,
    );
    return outside.map((x) => cotangents.get(x) ?? null);
  });
  return results.map(wrap);
}

/**
 * `values`, with the derivative that `residual(values) = 0` gives them with respect to everything that
 * `residual` reads: no matter how they were found, and to any order.
 *
 * @param values the solution
 * @param residual gives as many numbers as there are unknowns; the same whenever it is called
 * @param solve `(transposed, g) => u` with `transposed(u) = g`, where `transposed` is the transposed
 * Jacobian of the residual; what it builds is differentiated for derivatives of higher order
 */
export function implicit(
  values: Leaves,
  residual: (x: Leaves) => Leaves,
  solve: (transposed: LinearMap, g: Leaves) => Leaves,
): Tensor[] {
  return derived(values, residual, (x, g) => {
    const outputs = withGrad(true, () => residual(x));
    return { outputs, seeds: solve(pullbackOf(outputs, x), g).map((u) => u.neg()) };
  });
}
