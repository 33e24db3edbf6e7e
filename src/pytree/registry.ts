/**
 * Classes whose instances are nodes of a tree.
 *
 * @module
 */

import { classes } from "./classes.ts";

/** A node taken apart: what {@linkcode NodeHandler.flatten} returns. */
export interface FlatNode<A = unknown> {
  /** The children, always in the same order. */
  readonly children: readonly unknown[];
  /**
   * What is needed besides the children to build the node again. Two nodes have the same structure
   * where it is equal: `Object.is`, or arrays and plain objects of equal content.
   */
  readonly aux?: A;
  /** Names of the children in paths; default: their indices. */
  readonly names?: readonly (string | number)[];
}

/** How instances of a class are taken apart and built again. */
export interface NodeHandler<T, A = unknown> {
  /** Takes an instance apart. */
  flatten(node: T): FlatNode<A>;
  /** Builds an instance from what `flatten` returned, with other children. */
  unflatten(children: unknown[], aux: A): T;
}

/** A class of `T`, abstract or not. */
// deno-lint-ignore no-explicit-any
export type NodeClass<T> = abstract new (...args: any[]) => T;

/**
 * Makes instances of a class nodes of trees; otherwise they are leaves. Subclasses are registered
 * on their own.
 *
 * @param cls the class
 * @param handler how instances are taken apart and built again
 * @throws {TypeError} where the class is registered already or is a node anyway (`Object`, `Array`,
 *   `Map`)
 *
 * @example
 * ```ts
 * import { register, treeMap, unregister } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * class Pair {
 *   constructor(readonly left: number, readonly right: number) {}
 * }
 * register(Pair, {
 *   flatten: (pair) => ({ children: [pair.left, pair.right], names: ["left", "right"] }),
 *   unflatten: ([left, right]) => new Pair(left as number, right as number),
 * });
 * const tree: unknown = [new Pair(1, 2)];
 * assertEquals(treeMap((leaf) => 10 * Number(leaf), tree), [new Pair(10, 20)]);
 * unregister(Pair);
 * ```
 */
export function register<T, A = undefined>(cls: NodeClass<T>, handler: NodeHandler<T, A>): void {
  const prototype: object = cls.prototype;
  const builtin = [Object.prototype, Array.prototype, Map.prototype];
  if (builtin.includes(prototype as typeof builtin[number])) {
    throw new TypeError(
      `register(): got ${cls.name}, which is a node of every tree; want a class of your own`,
    );
  }
  if (classes.has(prototype)) {
    throw new TypeError(
      `register(): class ${cls.name} is registered already; unregister(${cls.name}) comes first`,
    );
  }
  classes.set(prototype, {
    name: cls.name,
    handler: handler as NodeHandler<unknown, unknown> as NodeHandler<unknown>,
  });
}

/**
 * Makes instances of a class leaves again.
 *
 * @param cls the class
 * @returns whether it was registered
 *
 * @example
 * ```ts
 * import { unregister } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(unregister(class {}), false);
 * ```
 */
export function unregister(cls: NodeClass<unknown>): boolean {
  return classes.delete(cls.prototype);
}
