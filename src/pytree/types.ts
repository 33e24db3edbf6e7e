/**
 * What a tree is, at the type level.
 *
 * @module
 */

/**
 * A tree with leaves of type `T`: a leaf, nothing, or arrays, plain objects and `Map`s of trees,
 * nested to any depth.
 *
 * TypeScript takes object types declared with `type` for such objects, but not an `interface`. Class
 * instances count as leaves here, also those of classes given to {@linkcode register}; hand trees
 * with such nodes over as `unknown`.
 */
export type PyTree<T> =
  | T
  | null
  | undefined
  | readonly PyTree<T>[]
  | { readonly [key: string]: PyTree<T> }
  | ReadonlyMap<unknown, PyTree<T>>;

/** How a tree is taken apart. */
export interface TreeOptions {
  /**
   * Whether `null` and `undefined` are leaves. By default they are nodes without leaves, so that
   * functions over leaves never see them.
   */
  noneIsLeaf?: boolean;
  /** Makes a leaf of every value, nodes included, for which it returns true; asked from the root. */
  isLeaf?: (value: unknown) => boolean;
}

/** Where a leaf stands: object keys, array indices, `Map` keys and names given by a class. */
export type TreePath = readonly unknown[];

/**
 * A leaf's path as a person writes it; that of the root is `(root)`.
 *
 * @param path the path
 * @returns its text
 *
 * @example
 * ```ts
 * import { formatPath } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatPath(["layers", 0, "weight"]), "layers[0].weight");
 * ```
 */
export function formatPath(path: TreePath): string {
  if (!Array.isArray(path)) throw new TypeError(`formatPath(): got ${typeof path}, want an array`);
  let text = "";
  for (const entry of path) {
    if (typeof entry === "number") text += `[${entry}]`;
    else if (typeof entry !== "string") text += `[${String(entry)}]`;
    else if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(entry)) {
      text += `[${JSON.stringify(entry)}]`;
    } else text += text ? `.${entry}` : entry;
  }
  return text || "(root)";
}
