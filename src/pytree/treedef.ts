/**
 * The structure of a tree, without its leaves.
 *
 * @module
 */

import { collectPaths, sameStructure, type Structure, structureText } from "./structure.ts";
import type { TreePath } from "./types.ts";

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
 * assertEquals(def.paths(), [["b"], ["w", 0], ["w", 1]]);
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
    return other instanceof TreeDef && sameStructure(this.root, other.root);
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
