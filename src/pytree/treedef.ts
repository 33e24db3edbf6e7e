/**
 * The structure of a tree, without its leaves.
 *
 * @module
 */

import { sameKeys } from "./keys.ts";
import type { RegisteredClass } from "./registry.ts";
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

/**
 * The structure of a tree: what {@linkcode treeFlatten} keeps beside the leaves and
 * {@linkcode treeUnflatten} builds a tree from.
 *
 * @example
 * ```ts
 * import { treeStructure } from "@torchopt/torchopt/pytree";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const def = treeStructure({ w: [1, 2], b: 3 });
 * assertEquals(def.toString(), "{b: *, w: [*, *]}");
 * assertEquals(def.numLeaves, 3);
 * assert(def.equals(treeStructure({ b: "x", w: ["y", "z"] })));
 * ```
 */
export class TreeDef {
  /**
   * Root of the structure; its form is not part of the API.
   *
   * @internal
   */
  readonly root: Structure;

  /** Wraps a root; {@linkcode treeFlatten} and {@linkcode treeStructure} make structures. */
  constructor(root: Structure) {
    this.root = root;
  }

  /** Number of leaves. */
  get numLeaves(): number {
    return this.root.numLeaves;
  }

  /** Whether `other` has the same nodes, keys and places for leaves; key order does not count. */
  equals(other: TreeDef): boolean {
    return sameStructure(this.root, other.root);
  }

  /** Paths of the leaves, in their order. */
  paths(): TreePath[] {
    const paths: TreePath[] = [];
    collectPaths(this.root, [], paths);
    return paths;
  }

  /** The structure as text, a star for each leaf: `{b: *, w: [*, *]}`. */
  toString(): string {
    return structureText(this.root);
  }
}

/** Names of the children of a node in paths. */
export function childNames(node: Exclude<Structure, LeafNode | NoneNode>): readonly unknown[] {
  if (node.kind === "object" || node.kind === "map") return node.keys;
  return (node.kind === "class" && node.names) || node.children.map((_, i) => i);
}

function collectPaths(node: Structure, path: unknown[], paths: TreePath[]): void {
  if (node.kind === "leaf") paths.push(path.slice());
  if (node.kind === "leaf" || node.kind === "none") return;
  const names = childNames(node);
  for (let i = 0; i < names.length; i++) {
    path.push(names[i]);
    collectPaths(node.children[i], path, paths);
    path.pop();
  }
}

/** Like `equals`, but the order of keys counts, and `null` is not `undefined`. */
export function sameLayout(a: TreeDef, b: TreeDef): boolean {
  return sameStructure(a.root, b.root, true);
}

function sameStructure(a: Structure, b: Structure, exact = false): boolean {
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

function structureText(node: Structure): string {
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
