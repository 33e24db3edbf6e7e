/**
 * The nodes of structures of trees.
 *
 * @module
 */

import type { RegisteredClass } from "./classes.ts";
import { sameKeys } from "./keys.ts";
import type { TreePath } from "./types.ts";

/** One node of a structure. Nodes of keyed containers have their children in sorted-key order. */
export type Structure = LeafNode | NoneNode | ArrayNode | KeyedNode | ClassNode;

/** A place for a leaf. */
export interface LeafNode {
  readonly kind: "leaf";
  readonly numLeaves: 1;
}

/** `null` or `undefined`. */
export interface NoneNode {
  readonly kind: "none";
  readonly numLeaves: 0;
  readonly value: null | undefined;
}

/** An array. */
export interface ArrayNode {
  readonly kind: "array";
  readonly numLeaves: number;
  readonly children: readonly Structure[];
}

/** A plain object or a `Map`. */
export interface KeyedNode {
  readonly kind: "object" | "map";
  readonly numLeaves: number;
  readonly children: readonly Structure[];
  /** Keys of the children. */
  readonly keys: readonly unknown[];
  /** The same keys as the container enumerates them; the same array where that is sorted. */
  readonly order: readonly unknown[];
}

/** An instance of a registered class. */
export interface ClassNode {
  readonly kind: "class";
  readonly numLeaves: number;
  readonly children: readonly Structure[];
  readonly cls: RegisteredClass;
  readonly aux: unknown;
  readonly names: readonly (string | number)[] | undefined;
}

/** The one leaf node. */
export const LEAF: LeafNode = { kind: "leaf", numLeaves: 1 };
/** The node of `null`. */
export const NULL: NoneNode = { kind: "none", numLeaves: 0, value: null };
/** The node of `undefined`; it equals {@linkcode NULL}. */
export const UNDEFINED: NoneNode = { kind: "none", numLeaves: 0, value: undefined };

/** Names of the children of a node in paths. */
export function childNames(node: Exclude<Structure, LeafNode | NoneNode>): readonly unknown[] {
  if (node.kind === "object" || node.kind === "map") return node.keys;
  return (node.kind === "class" && node.names) || node.children.map((_, i) => i);
}

/** Appends the paths of the leaves below a node. */
export function collectPaths(node: Structure, path: unknown[], paths: TreePath[]): void {
  if (node.kind === "leaf") paths.push(path.slice());
  if (node.kind === "leaf" || node.kind === "none") return;
  const names = childNames(node);
  for (let i = 0; i < names.length; i++) {
    path.push(names[i]);
    collectPaths(node.children[i], path, paths);
    path.pop();
  }
}

/** Like `equals` of structures, but the order of keys counts, and `null` is not `undefined`. */
export function sameLayout(
  a: { readonly root: Structure },
  b: { readonly root: Structure },
): boolean {
  return sameStructure(a.root, b.root, true);
}

/** Whether two nodes are equal; `exact` looks at the order of keys, and tells null from undefined. */
export function sameStructure(a: Structure, b: Structure, exact = false): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.numLeaves !== b.numLeaves) return false;
  // Leaves and nothing equal each other whichever they are; the rest has children.
  if (!("children" in a) || !("children" in b)) return !exact;
  if (a.children.length !== b.children.length) return false;
  if ("keys" in a && "keys" in b) {
    if (!sameKeys(a.keys, b.keys) || (exact && !sameKeys(a.order, b.order))) return false;
  }
  if (a.kind === "class" && b.kind === "class") {
    if (a.cls !== b.cls || !sameAux(a.aux, b.aux)) return false;
  }
  for (let i = 0; i < a.children.length; i++) {
    if (!sameStructure(a.children[i], b.children[i], exact)) return false;
  }
  return true;
}

/** Equality of what classes keep beside their children. */
export function sameAux(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const prototype = Object.getPrototypeOf(a);
  if (prototype !== Object.getPrototypeOf(b)) return false;
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  const x = a as Record<string, unknown>;
  const y = b as Record<string, unknown>;
  const keys = Object.keys(x);
  return keys.length === Object.keys(y).length &&
    keys.every((key) => Object.hasOwn(y, key) && sameAux(x[key], y[key]));
}

/** A node as text. */
export function structureText(node: Structure): string {
  switch (node.kind) {
    case "leaf":
      return "*";
    case "none":
      return "null";
    case "array":
      return `[${node.children.map(structureText).join(", ")}]`;
    case "object":
      return `{${node.keys.map((k, i) => `${k}: ${structureText(node.children[i])}`).join(", ")}}`;
    case "map":
      return `Map(${
        node.keys.map((k, i) => `${String(k)} => ${structureText(node.children[i])}`).join(", ")
      })`;
    case "class":
      return `${node.cls.name}(${node.children.map(structureText).join(", ")})`;
  }
}
