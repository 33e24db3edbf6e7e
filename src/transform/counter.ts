/**
 * Counts of steps. They are data: no step makes a new graph.
 *
 * @module
 */

import { constantNode, scalarNode } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import type { Device } from "../runtime/mod.ts";
import { add } from "../primitives/elementwise.ts";
import { alias } from "../primitives/movement.ts";
import { fromTyped, wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { assign } from "./transaction.ts";

/** The counts of a new state: those of tensors on one device share memory there. */
export class FirstCounts {
  readonly #start: number;
  readonly #made = new Map<Device | undefined, Node>();

  constructor(start: number) {
    this.#start = start;
  }

  /** A count for a tensor. */
  like({ device }: Tensor): Tensor {
    return this.#on(device);
  }

  /** A count for several tensors: where they are, or on the host if they are on several devices. */
  forAll(all: readonly Tensor[]): Tensor {
    const devices = new Set(all.map(({ device }) => device));
    return this.#on(devices.size === 1 ? all[0].device : undefined);
  }

  #on(device: Device | undefined): Tensor {
    let node = this.#made.get(device);
    if (node === undefined) {
      node = currentTrace() === null
        ? fromTyped(BigInt64Array.of(BigInt(this.#start)), [], "int64", device).node
        : scalarNode(this.#start, "int64");
      this.#made.set(device, node);
    }
    return wrap(node);
  }
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
