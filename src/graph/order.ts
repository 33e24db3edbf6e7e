/**
 * Topological order of a graph.
 *
 * @module
 */

import type { Node } from "./node.ts";

/** Nodes below `outputs`, operands first. */
export function order(outputs: readonly Node[]): Node[] {
  const done = new Set<Node>(), nodes: Node[] = [];
  const stack: [Node, number][] = [];
  for (const out of outputs) {
    if (done.has(out)) continue;
    done.add(out);
    stack.push([out, 0]);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const [node, at] = top;
      if (at < node.inputs.length) {
        top[1]++;
        const x = node.inputs[at];
        if (!done.has(x)) {
          done.add(x);
          stack.push([x, 0]);
        }
      } else {
        stack.pop();
        nodes.push(node);
      }
    }
  }
  return nodes;
}
