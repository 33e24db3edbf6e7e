/**
 * Topological order of a graph, and what is noted of its nodes.
 *
 * @module
 */

import { nextEpoch, type Node } from "./node.ts";

/** Nodes below `outputs`, operands first. */
export function order(outputs: readonly Node[]): Node[] {
  const epoch = nextEpoch();
  const nodes: Node[] = [], stack: Node[] = [], cursor: number[] = [];
  for (const out of outputs) {
    if (out.mark === epoch) continue;
    out.mark = epoch;
    stack.push(out);
    cursor.push(0);
    while (stack.length > 0) {
      const top = stack.length - 1, node = stack[top];
      if (cursor[top] < node.inputs.length) {
        const x = node.inputs[cursor[top]++];
        if (x.mark !== epoch) {
          x.mark = epoch;
          stack.push(x);
          cursor.push(0);
        }
      } else {
        stack.pop();
        cursor.pop();
        nodes.push(node);
      }
    }
  }
  return nodes;
}

/** Numbers the nodes of an order, for `NodeTable`. It holds until the next walk through one of them. */
export function numberNodes(nodes: readonly Node[]): void {
  for (let i = 0; i < nodes.length; i++) nodes[i].local = i;
}

/**
 * What is noted of the nodes of one order, by their numbers: a graph has so many that looking them up
 * in maps is most of what lowering takes.
 */
export class NodeTable<T> {
  readonly #values: (T | undefined)[];

  /** A table for an order of `size` nodes, which were numbered. */
  constructor(size: number) {
    this.#values = new Array(size).fill(undefined);
  }

  /** What is noted of a node. */
  get(node: Node): T | undefined {
    return this.#values[node.local];
  }

  /** Whether something is. */
  has(node: Node): boolean {
    return this.#values[node.local] !== undefined;
  }

  /** Notes something. */
  set(node: Node, value: T): void {
    this.#values[node.local] = value;
  }
}
