/**
 * Taking trees apart and building them again.
 *
 * @module
 */

import { classOf } from "./classes.ts";
import { mapKeys, objectKeys } from "./keys.ts";
import { LEAF, NULL, type Structure, UNDEFINED } from "./structure.ts";
import { TreeDef } from "./treedef.ts";
import type { PyTree, TreeOptions, TreePath } from "./types.ts";
import { checkDef, checkOptions, kindOf } from "./check.ts";

/** Deepest nesting; beyond it a tree is taken to contain itself. */
const MAX_DEPTH = 1000;

/**
 * Takes a tree apart into its leaves and its structure.
 *
 * Nodes are arrays, plain objects (own enumerable string keys, in sorted order), `Map`s (sorted
 * where all keys are strings or all are numbers, else in insertion order) and instances of
 * {@linkcode register}ed classes; `null` and `undefined` are nodes without leaves. Everything else,
 * such as a Tensor, a number or a typed array, is a leaf.
 *
 * @param tree the tree
 * @param options `noneIsLeaf` (default false), `isLeaf` (default: none)
 * @returns the leaves in order, and the structure
 * @throws {RangeError} where the tree is nested deeper than 1000 levels
 *
 * @example
 * ```ts
 * import { treeFlatten, treeUnflatten } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const { leaves, def } = treeFlatten({ w: [1, 2], b: 3, none: null });
 * assertEquals(leaves, [3, 1, 2]);
 * assertEquals(treeUnflatten(def, ["x", "y", "z"]), { w: ["y", "z"], b: "x", none: null });
 * ```
 */
export function treeFlatten<T>(
  tree: PyTree<T>,
  options: TreeOptions = {},
): { leaves: T[]; def: TreeDef } {
  checkOptions("treeFlatten", options);
  const leaves: unknown[] = [];
  const root = take(tree, leaves, options.noneIsLeaf ?? false, options.isLeaf, 0);
  return { leaves: leaves as T[], def: new TreeDef(root) };
}

/**
 * The leaves of a tree, in order.
 *
 * @param tree the tree
 * @param options as for {@linkcode treeFlatten}
 * @returns the leaves
 *
 * @example
 * ```ts
 * import { treeLeaves } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(treeLeaves({ w: [1, 2], b: 3 }), [3, 1, 2]);
 * ```
 */
export function treeLeaves<T>(tree: PyTree<T>, options: TreeOptions = {}): T[] {
  return treeFlatten(tree, options).leaves;
}

/**
 * The structure of a tree.
 *
 * @param tree the tree
 * @param options as for {@linkcode treeFlatten}
 * @returns the structure
 *
 * @example
 * ```ts
 * import { treeStructure } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(treeStructure({ w: [1, 2], b: null }).toString(), "{b: null, w: [*, *]}");
 * ```
 */
export function treeStructure(tree: unknown, options: TreeOptions = {}): TreeDef {
  return treeFlatten(tree, options).def;
}

/**
 * The paths of the leaves of a tree, in the order of the leaves.
 *
 * @param tree the tree
 * @param options as for {@linkcode treeFlatten}
 * @returns one path a leaf
 *
 * @example
 * ```ts
 * import { treePaths } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(treePaths({ w: [1, 2], b: 3 }), [["b"], ["w", 0], ["w", 1]]);
 * ```
 */
export function treePaths(tree: unknown, options: TreeOptions = {}): TreePath[] {
  return treeStructure(tree, options).paths();
}

/**
 * Builds a tree from a structure and leaves; the inverse of {@linkcode treeFlatten}.
 *
 * Keys come in the order that the flattened tree had them in.
 *
 * @param def the structure
 * @param leaves one value for each of its leaves
 * @returns the tree
 * @throws {TypeError} where the number of leaves is wrong
 *
 * @example
 * ```ts
 * import { treeStructure, treeUnflatten } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const def = treeStructure({ w: [0, 0], b: 0 });
 * assertEquals(treeUnflatten(def, ["x", "y", "z"]), { w: ["y", "z"], b: "x" });
 * ```
 */
export function treeUnflatten<U>(def: TreeDef, leaves: readonly U[]): PyTree<U> {
  checkDef("treeUnflatten", def);
  if (!Array.isArray(leaves)) {
    throw new TypeError(`treeUnflatten(): got ${kindOf(leaves)} as leaves, want an array`);
  }
  if (leaves.length !== def.numLeaves) {
    throw new TypeError(
      `treeUnflatten(): got ${leaves.length} leaves, want ${def.numLeaves} for ${def}`,
    );
  }
  return build(def.root, leaves, { at: 0 }) as PyTree<U>;
}

/** Appends the leaves of `value` to `leaves` and returns its structure. */
function take(
  value: unknown,
  leaves: unknown[],
  noneIsLeaf: boolean,
  isLeaf: ((value: unknown) => boolean) | undefined,
  depth: number,
): Structure {
  if (isLeaf !== undefined && isLeaf(value)) {
    leaves.push(value);
    return LEAF;
  }
  if (value === null || value === undefined) {
    if (!noneIsLeaf) return value === null ? NULL : UNDEFINED;
  } else if (typeof value === "object") {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      const object = value as Record<string, unknown>;
      const { keys, order } = objectKeys(Object.keys(object));
      const start = leaves.length;
      const children: Structure[] = [];
      guardDepth(depth);
      for (let i = 0; i < keys.length; i++) {
        children.push(take(object[keys[i] as string], leaves, noneIsLeaf, isLeaf, depth + 1));
      }
      return { kind: "object", numLeaves: leaves.length - start, children, keys, order };
    }
    if (prototype === Array.prototype) {
      const start = leaves.length;
      const children = takeAll(value as unknown[], leaves, noneIsLeaf, isLeaf, depth);
      return { kind: "array", numLeaves: leaves.length - start, children };
    }
    if (prototype === Map.prototype) {
      const map = value as Map<unknown, unknown>;
      const { keys, order } = mapKeys([...map.keys()]);
      const start = leaves.length;
      const values = keys.map((key) => map.get(key));
      const children = takeAll(values, leaves, noneIsLeaf, isLeaf, depth);
      return { kind: "map", numLeaves: leaves.length - start, children, keys, order };
    }
    const cls = classOf(prototype);
    if (cls !== undefined) {
      const { children: values, aux, names } = cls.handler.flatten(value);
      const start = leaves.length;
      const children = takeAll(values, leaves, noneIsLeaf, isLeaf, depth);
      return { kind: "class", numLeaves: leaves.length - start, children, cls, aux, names };
    }
  }
  leaves.push(value);
  return LEAF;
}

function takeAll(
  values: readonly unknown[],
  leaves: unknown[],
  noneIsLeaf: boolean,
  isLeaf: ((value: unknown) => boolean) | undefined,
  depth: number,
): Structure[] {
  guardDepth(depth);
  const children: Structure[] = [];
  for (let i = 0; i < values.length; i++) {
    children.push(take(values[i], leaves, noneIsLeaf, isLeaf, depth + 1));
  }
  return children;
}

function guardDepth(depth: number): void {
  if (depth < MAX_DEPTH) return;
  throw new RangeError(
    `treeFlatten(): got a tree nested deeper than ${MAX_DEPTH} levels; does it contain itself?`,
  );
}

/** Takes the next leaves of `cursor` and builds the node. */
function build(node: Structure, leaves: readonly unknown[], cursor: { at: number }): unknown {
  switch (node.kind) {
    case "leaf":
      return leaves[cursor.at++];
    case "none":
      return node.value;
    case "array":
      return buildAll(node.children, leaves, cursor);
    case "object": {
      const { keys, order, children } = node;
      const object: Record<string, unknown> = {};
      // Claims the places of the keys in the order that the user wrote them in.
      if (order !== keys) { for (const key of order) setOwn(object, key as string, undefined); }
      for (let i = 0; i < keys.length; i++) {
        setOwn(object, keys[i] as string, build(children[i], leaves, cursor));
      }
      return object;
    }
    case "map": {
      const { keys, order, children } = node;
      const map = new Map<unknown, unknown>();
      if (order !== keys) { for (const key of order) map.set(key, undefined); }
      for (let i = 0; i < keys.length; i++) map.set(keys[i], build(children[i], leaves, cursor));
      return map;
    }
    case "class":
      return node.cls.handler.unflatten(buildAll(node.children, leaves, cursor), node.aux);
  }
}

function buildAll(
  children: readonly Structure[],
  leaves: readonly unknown[],
  cursor: { at: number },
): unknown[] {
  const values: unknown[] = [];
  for (let i = 0; i < children.length; i++) values.push(build(children[i], leaves, cursor));
  return values;
}

/** Assignment, except that a key `__proto__` stays a key. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") object[key] = value;
  else {
    const rights = { enumerable: true, configurable: true, writable: true };
    Object.defineProperty(object, key, { value, ...rights });
  }
}
