/**
 * Reverse-mode differentiation of graphs: derivative rules, applied from the outputs down, build
 * more graph. (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3.)
 *
 * @module
 */

import { constantNode } from "../graph/leaf.ts";
import { isFloat, nextEpoch, type Node } from "../graph/node.ts";
import { add } from "../primitives/elementwise.ts";
import { expand } from "../primitives/movement.ts";
import { projectPrim } from "../primitives/tuple.ts";

/** A tensor of zeros, as a node. */
export function zerosNode(like: Node): Node {
  return expand(constantNode(0, like.dtype), like.shape);
}

const none: ReadonlySet<Node> = new Set();

/** Nodes through which gradients pass on the way down from `outputs` to `ends`, operands first. */
function recorded(outputs: readonly Node[], ends: ReadonlySet<Node>): Node[] {
  const epoch = nextEpoch();
  const order: Node[] = [], stack: Node[] = [], cursor: number[] = [];
  for (const output of outputs) {
    if (!output.requiresGrad || output.mark === epoch) continue;
    output.mark = epoch;
    stack.push(output);
    cursor.push(0);
    while (stack.length > 0) {
      const top = stack.length - 1, node = stack[top];
      if (cursor[top] < node.inputs.length && !ends.has(node)) {
        const x = node.inputs[cursor[top]++];
        if (x.requiresGrad && x.mark !== epoch) {
          x.mark = epoch;
          stack.push(x);
          cursor.push(0);
        }
      } else {
        stack.pop();
        cursor.pop();
        order.push(node);
      }
    }
  }
  return order;
}

/** Outcome of a reverse sweep. */
export interface Sweep {
  /** Complete cotangent of each visited node that received one. */
  readonly cotangents: ReadonlyMap<Node, Node>;
  /** Nodes visited. */
  readonly reached: ReadonlySet<Node>;
}

/**
 * Carries `seeds` (cotangents of `outputs`) down to `targets`, or to all recorded leaves where
 * `targets` is null. Gradients do not pass through nodes in `ends`, which are taken as independent.
 */
export function sweep(
  outputs: readonly Node[],
  seeds: readonly Node[],
  targets: ReadonlySet<Node> | null,
  ends: ReadonlySet<Node> = none,
): Sweep {
  const order = recorded(outputs, ends);
  // Only nodes above a target matter.
  const above = new Set<Node>();
  for (const node of order) {
    if (targets === null || targets.has(node) || node.inputs.some((x) => above.has(x))) {
      above.add(node);
    }
  }
  const cotangents = new Map<Node, Node>();
  // Results of a primitive with several, each with its own cotangent.
  const tuples = new Map<Node, (Node | null)[]>();
  const accumulate = (node: Node, g: Node) => {
    const known = cotangents.get(node);
    cotangents.set(node, known === undefined ? g : add(known, g));
  };
  outputs.forEach((out, i) => {
    if (above.has(out)) accumulate(out, seeds[i]);
  });
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i];
    if (!above.has(node)) continue;
    let g = cotangents.get(node);
    if (g !== undefined && node.hooks !== null) {
      for (const hook of node.hooks) g = hook(g) ?? g;
      cotangents.set(node, g);
    }
    if (node.inputs.length === 0 || ends.has(node)) continue;
    if (node.prim === projectPrim) {
      const tuple = node.inputs[0];
      if (g === undefined) continue;
      const parts = tuples.get(tuple) ?? new Array<Node | null>(tuple.outs!.length).fill(null);
      const { index } = node.attrs;
      parts[index] = parts[index] === null ? g : add(parts[index]!, g);
      tuples.set(tuple, parts);
      continue;
    }
    const received = node.outs === null ? g : tuples.get(node);
    if (received === undefined) continue;
    // Filled by push(): compiled and interpreted map() make arrays of different kinds, and code that
    // was compiled for one kind is thrown away when the other comes.
    const needs: boolean[] = [];
    for (const x of node.inputs) needs.push(above.has(x));
    if (!needs.includes(true)) continue;
    const rule = node.customVjp ?? node.prim.vjp;
    if (typeof rule === "string") continue;
    const parts = node.customVjp !== null
      ? node.customVjp(node.outs === null ? [g!] : tuples.get(node)!)
      // deno-lint-ignore no-explicit-any
      : (node.prim.vjp as any)(received, node, needs) as (Node | null)[];
    for (let k = 0; k < node.inputs.length; k++) {
      const part = parts[k];
      if (part !== null && part !== undefined && needs[k] && isFloat(node.inputs[k].dtype)) {
        accumulate(node.inputs[k], part);
      }
    }
  }
  return { cotangents, reached: above };
}
