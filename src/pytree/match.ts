/**
 * Holding a tree against a structure.
 *
 * @module
 */

import { objectKeys, sameKeys } from "./keys.ts";
import { classOf } from "./classes.ts";
import { childNames, type LeafNode, sameAux, type Structure } from "./structure.ts";
import type { TreeDef } from "./treedef.ts";
import { formatPath } from "./types.ts";
import { checkDef } from "./check.ts";

/**
 * Takes a tree apart down to the leaves of `def`: what stands in `tree` at each leaf of `def`,
 * whole subtrees included.
 *
 * @param def a structure that is a prefix of the tree's
 * @param tree the tree
 * @param caller name of the operation, for the error
 * @returns one subtree for each leaf of `def`
 * @throws {TypeError} where `def` is no prefix; it names the first place that differs
 *
 * @example
 * ```ts
 * import { flattenUpTo, treeStructure } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const def = treeStructure({ w: 0, b: 0 });
 * assertEquals(flattenUpTo(def, { w: [1, 2], b: 3 }), [3, [1, 2]]);
 * ```
 */
export function flattenUpTo(def: TreeDef, tree: unknown, caller = "flattenUpTo"): unknown[] {
  if (typeof caller !== "string") caller = "flattenUpTo";
  checkDef(caller, def);
  const subtrees: unknown[] = [];
  if (!takeUpTo(def.root, tree, subtrees)) throw mismatch(caller, def.root, tree);
  return subtrees;
}

/** Appends what stands at the leaves of `node`; false where the value is of another structure. */
function takeUpTo(node: Structure, value: unknown, subtrees: unknown[]): boolean {
  if (node.kind === "leaf") {
    subtrees.push(value);
    return true;
  }
  const values = valuesAt(node, value);
  if (values === undefined) return false;
  if (node.kind === "none") return true;
  for (let i = 0; i < values.length; i++) {
    if (!takeUpTo(node.children[i], values[i], subtrees)) return false;
  }
  return true;
}

/** The values below `value` in the order of the node's children, if it is such a node. */
function valuesAt(
  node: Exclude<Structure, LeafNode>,
  value: unknown,
): readonly unknown[] | undefined {
  if (node.kind === "none") return value === null || value === undefined ? [] : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  switch (node.kind) {
    case "array":
      if (prototype !== Array.prototype) return undefined;
      return (value as unknown[]).length === node.children.length ? value as unknown[] : undefined;
    case "object": {
      if (prototype !== Object.prototype && prototype !== null) return undefined;
      const object = value as Record<string, unknown>;
      if (!sameKeys(objectKeys(Object.keys(object)).keys, node.keys)) return undefined;
      const values: unknown[] = [];
      for (let i = 0; i < node.keys.length; i++) values.push(object[node.keys[i] as string]);
      return values;
    }
    case "map": {
      if (prototype !== Map.prototype) return undefined;
      const map = value as Map<unknown, unknown>;
      if (map.size !== node.keys.length || !node.keys.every((key) => map.has(key))) {
        return undefined;
      }
      return node.keys.map((key) => map.get(key));
    }
    case "class": {
      if (classOf(prototype) !== node.cls) return undefined;
      const { children, aux } = node.cls.handler.flatten(value);
      if (children.length !== node.children.length || !sameAux(aux, node.aux)) return undefined;
      return children;
    }
  }
}

/** Walks a tree of the wrong structure once more, now with the path, and says where it differs. */
function mismatch(caller: string, root: Structure, tree: unknown): TypeError {
  const path: unknown[] = [];
  const difference = find(root, tree, path);
  return new TypeError(
    `${caller}(): the trees differ in structure at ${formatPath(path)}: ${difference}; ` +
      `nodes and keys have to be those of the first tree`,
  );
}

/** Describes the first difference and leaves its path in `path`; undefined where there is none. */
function find(node: Structure, value: unknown, path: unknown[]): string | undefined {
  if (node.kind === "leaf") return undefined;
  const values = valuesAt(node, value);
  if (values === undefined) return describe(node, value);
  if (node.kind === "none") return undefined;
  const names = childNames(node);
  for (let i = 0; i < values.length; i++) {
    path.push(names[i]);
    const difference = find(node.children[i], values[i], path);
    if (difference !== undefined) return difference;
    path.pop();
  }
  return undefined;
}

function describe(node: Exclude<Structure, LeafNode>, value: unknown): string {
  const got = describeValue(value);
  switch (node.kind) {
    case "none":
      return `got ${got}, want null or undefined`;
    case "array":
      return `got ${got}, want an array of ${node.children.length}`;
    case "class":
      return `got ${got}, want an instance of ${node.cls.name} with ${node.children.length} ` +
        `children and the same auxiliary data`;
    case "object":
    case "map": {
      const keys = keysOf(value);
      const article = node.kind === "object" ? "an object" : "a Map";
      if (!keys || got.startsWith("a Map") !== (node.kind === "map")) {
        return `got ${got}, want ${article} with ${listKeys(node.keys)}`;
      }
      const extra = keys.filter((key) => !node.keys.includes(key));
      const missing = node.keys.filter((key) => !keys.includes(key));
      return [
        extra.length ? `got ${article} with ${listKeys(extra)}` : `got ${article}`,
        missing.length ? `want one with ${listKeys(missing)}` : "want one without",
      ].join(", ");
    }
  }
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Map) return `a Map with ${listKeys([...value.keys()])}`;
  const keys = keysOf(value);
  if (keys) return `an object with ${listKeys(keys)}`;
  return `an instance of ${value.constructor?.name ?? "a class"}`;
}

/** Keys of a plain object or a `Map`. */
function keysOf(value: unknown): unknown[] | undefined {
  if (value instanceof Map) return [...value.keys()];
  if (typeof value !== "object" || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.keys(value) : undefined;
}

function listKeys(keys: readonly unknown[]): string {
  if (keys.length === 0) return "no keys";
  const shown = keys.slice(0, 8).map((key) => typeof key === "string" ? `'${key}'` : String(key));
  return `key${keys.length > 1 ? "s" : ""} ${shown.join(", ")}${keys.length > 8 ? ", …" : ""}`;
}
