/**
 * Counts of steps. They are data: no step makes a new graph.
 *
 * @module
 */

import { constantNode, scalarNode } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { add } from "../primitives/elementwise.ts";
import { alias } from "../primitives/movement.ts";
import { fromTyped, wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { assign } from "./transaction.ts";

/** A node that holds a count, for the counters of a new state to share. */
export function countNode(start: number): Node {
  return currentTrace() === null
    ? fromTyped(BigInt64Array.of(BigInt(start)), [], "int64").node
    : scalarNode(start, "int64");
}

/** A count of its own. */
export function newCount(start: number): Tensor {
  return wrap(countNode(start));
}

/** The next counts: leaves whose counts are one node go on sharing one. */
export class NextCounts {
  readonly #next = new Map<Node, Node>();

  /** The node of `count + 1`. */
  of(count: Node): Node {
    let next = this.#next.get(count);
    if (next === undefined) this.#next.set(count, next = add(count, constantNode(1, "int64")));
    return next;
  }

  /** Writes the next count of a tensor in place; counts share memory, so none is overwritten. */
  advance(count: Tensor): void {
    assign(count, this.of(count.node), false);
  }

  /**
   * Keeps the count of a leaf without a gradient. A compiled function owns the memory of what it
   * writes, so that there the count gets memory of its own.
   */
  keep(count: Tensor): void {
    if (currentTrace() !== null) assign(count, alias(count.node), false);
  }
}
