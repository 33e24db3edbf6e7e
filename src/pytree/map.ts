/**
 * Functions over the leaves of trees.
 *
 * @module
 */

import { treeFlatten, treeUnflatten } from "./flatten.ts";
import { flattenUpTo } from "./match.ts";
import type { TreeDef } from "./treedef.ts";
import type { PyTree, TreeOptions, TreePath } from "./types.ts";
import { checkFunction } from "./check.ts";

/**
 * Applies a function to every leaf and builds a tree of the results.
 *
 * The first tree fixes the structure. Each further tree has to have it too, but may hold whole
 * subtrees where the first has leaves; the function gets them as they are.
 *
 * @param fn gets a leaf of `tree` and what stands at the same place in each of `rest`
 * @param tree the tree
 * @param rest further trees
 * @returns the results in the structure of `tree`
 * @throws {TypeError} where a further tree differs in structure; it names the path
 *
 * @example
 * ```ts
 * import { treeMap } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const params = { w: [1, 2], b: 3 };
 * const grads = { w: [10, 20], b: 30 };
 * assertEquals(treeMap((p: number, g: number) => p + g, params, grads), { w: [11, 22], b: 33 });
 * // Options come first: here, to see the places of nothing too.
 * const zeros = treeMap({ noneIsLeaf: true }, (x: number | null) => x ?? 0, [1, null]);
 * assertEquals(zeros, [1, 0]);
 * ```
 */
export function treeMap<T, Tree extends PyTree<T>>(
  // deno-lint-ignore no-explicit-any
  fn: (leaf: T, ...rest: any[]) => T,
  tree: Tree & PyTree<T>,
  ...rest: unknown[]
): Tree;
/** Applies a function that changes the type of the leaves. */
export function treeMap<T, U>(
  // deno-lint-ignore no-explicit-any
  fn: (leaf: T, ...rest: any[]) => U,
  tree: PyTree<T>,
  ...rest: unknown[]
): PyTree<U>;
/** Applies a function with options, which come first so that they are not taken for a tree. */
export function treeMap<T, U>(
  options: TreeOptions,
  // deno-lint-ignore no-explicit-any
  fn: (leaf: T, ...rest: any[]) => U,
  tree: PyTree<T>,
  ...rest: unknown[]
): PyTree<U>;
export function treeMap(...args: unknown[]): unknown {
  const { options, fn, tree, rest } = mapArguments("treeMap", args);
  const { leaves, def } = treeFlatten(tree, options);
  return treeUnflatten(def, mapLeaves(fn, def, leaves, rest, "treeMap"));
}

/**
 * {@linkcode treeMap} with a function that gets the path of the leaf first.
 *
 * @param fn gets the path, a leaf of `tree` and what stands at the same place in each of `rest`
 * @param tree the tree
 * @param rest further trees
 * @returns the results in the structure of `tree`
 * @throws {TypeError} where a further tree differs in structure; it names the path
 *
 * @example
 * ```ts
 * import { formatPath, treeMapWithPath } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const names = treeMapWithPath((path, _leaf: number) => formatPath(path), { layers: [1, { w: 2 }] });
 * assertEquals(names, { layers: ["layers[0]", { w: "layers[1].w" }] });
 * ```
 */
export function treeMapWithPath<T, U>(
  // deno-lint-ignore no-explicit-any
  fn: (path: TreePath, leaf: T, ...rest: any[]) => U,
  tree: PyTree<T>,
  ...rest: unknown[]
): PyTree<U>;
/** Applies a function with options, which come first so that they are not taken for a tree. */
export function treeMapWithPath<T, U>(
  options: TreeOptions,
  // deno-lint-ignore no-explicit-any
  fn: (path: TreePath, leaf: T, ...rest: any[]) => U,
  tree: PyTree<T>,
  ...rest: unknown[]
): PyTree<U>;
export function treeMapWithPath(...args: unknown[]): unknown {
  const { options, fn, tree, rest } = mapArguments("treeMapWithPath", args);
  const { leaves, def } = treeFlatten(tree, options);
  const paths = def.paths();
  const columns = [leaves, ...rest.map((other) => flattenUpTo(def, other, "treeMapWithPath"))];
  return treeUnflatten(def, paths.map((path, i) => fn(path, ...columns.map((c) => c[i]))));
}

/**
 * Folds the leaves of a tree, from the first to the last.
 *
 * @param fn gets the value so far and a leaf
 * @param tree the tree
 * @param initial value to start from
 * @param options as for {@linkcode treeFlatten}
 * @returns the last value; `initial` where the tree has no leaves
 *
 * @example
 * ```ts
 * import { treeReduce } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(treeReduce((sum, x: number) => sum + x, { w: [1, 2], b: 3 }, 0), 6);
 * ```
 */
export function treeReduce<T, U>(
  fn: (value: U, leaf: T) => U,
  tree: PyTree<T>,
  initial: U,
  options: TreeOptions = {},
): U {
  checkFunction("treeReduce", fn);
  return treeFlatten(tree, options).leaves.reduce(fn, initial);
}

/**
 * Whether `predicate` holds for all leaves.
 *
 * @param tree the tree
 * @param predicate default: whether the leaf is truthy
 * @param options as for {@linkcode treeFlatten}
 * @returns true where it does, and where there are no leaves
 *
 * @example
 * ```ts
 * import { treeAll } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(treeAll({ a: 1, b: [2, 3] }, (x) => x > 1), false);
 * ```
 */
export function treeAll<T>(
  tree: PyTree<T>,
  predicate: (leaf: T) => boolean = Boolean,
  options: TreeOptions = {},
): boolean {
  checkFunction("treeAll", predicate);
  return treeFlatten(tree, options).leaves.every((leaf) => predicate(leaf));
}

/**
 * Whether `predicate` holds for some leaf.
 *
 * @param tree the tree
 * @param predicate default: whether the leaf is truthy
 * @param options as for {@linkcode treeFlatten}
 * @returns true where it does; false where there are no leaves
 *
 * @example
 * ```ts
 * import { treeAny } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(treeAny({ a: 1, b: [2, 3] }, (x) => x > 2), true);
 * ```
 */
export function treeAny<T>(
  tree: PyTree<T>,
  predicate: (leaf: T) => boolean = Boolean,
  options: TreeOptions = {},
): boolean {
  checkFunction("treeAny", predicate);
  return treeFlatten(tree, options).leaves.some((leaf) => predicate(leaf));
}

/**
 * Spreads each leaf of a prefix tree over the subtree that stands at its place in `full`.
 *
 * @param prefix a tree whose structure is the upper part of that of `full`
 * @param full the full tree
 * @param options as for {@linkcode treeFlatten}, for both trees
 * @returns a tree of the structure of `full` with leaves of `prefix`
 * @throws {TypeError} where `prefix` is no prefix of `full`; it names the path
 *
 * @example
 * ```ts
 * import { broadcastPrefix } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const mask = broadcastPrefix({ w: true, b: false }, { w: [1, { deep: 2 }], b: 3 });
 * assertEquals(mask, { w: [true, { deep: true }], b: false });
 * ```
 */
export function broadcastPrefix<T>(
  prefix: PyTree<T>,
  full: unknown,
  options: TreeOptions = {},
): PyTree<T> {
  const { leaves, def } = treeFlatten(prefix, options);
  const subtrees = flattenUpTo(def, full, "broadcastPrefix");
  const spread: T[] = [];
  for (let i = 0; i < leaves.length; i++) {
    const { numLeaves } = treeFlatten(subtrees[i], options).def;
    for (let k = 0; k < numLeaves; k++) spread.push(leaves[i]);
  }
  return treeUnflatten(treeFlatten(full, options).def, spread);
}

/**
 * Turns a tree of trees inside out: `outer` of `inner` becomes `inner` of `outer`.
 *
 * @param outer structure of the outer tree
 * @param inner structure of the tree at each leaf of the outer one
 * @param tree the tree
 * @returns a tree of structure `inner` with trees of structure `outer` as leaves
 * @throws {TypeError} where `tree` has not that structure
 *
 * @example
 * ```ts
 * import { treeStructure, treeTranspose } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const outer = treeStructure([0, 0]);
 * const inner = treeStructure({ mean: 0, std: 0 });
 * const columns = treeTranspose(outer, inner, [{ mean: 1, std: 2 }, { mean: 3, std: 4 }]);
 * assertEquals(columns, { mean: [1, 3], std: [2, 4] });
 * ```
 */
export function treeTranspose<T>(outer: TreeDef, inner: TreeDef, tree: PyTree<T>): PyTree<T> {
  const rows = flattenUpTo(outer, tree, "treeTranspose")
    .map((row) => flattenUpTo(inner, row, "treeTranspose"));
  const columns: PyTree<T>[] = [];
  for (let i = 0; i < inner.numLeaves; i++) {
    columns.push(treeUnflatten(outer, rows.map((row) => row[i] as T)));
  }
  return treeUnflatten(inner, columns) as PyTree<T>;
}

type LeafFunction = (...values: unknown[]) => unknown;

/** Tells options, function and trees apart; options are there where the function comes second. */
function mapArguments(
  caller: string,
  args: unknown[],
): { options: TreeOptions; fn: LeafFunction; tree: unknown; rest: unknown[] } {
  const at = typeof args[0] === "function" ? 0 : 1;
  const fn = args[at];
  if (typeof fn !== "function" || args.length < at + 2) {
    throw new TypeError(
      `${caller}(): want (fn, tree, ...trees) or (options, fn, tree, ...trees), got ${
        args.map((arg) => arg === null ? "null" : typeof arg).join(", ") || "nothing"
      }`,
    );
  }
  return {
    options: at === 0 ? {} : args[0] as TreeOptions,
    fn: fn as LeafFunction,
    tree: args[at + 1],
    rest: args.slice(at + 2),
  };
}

/** Applies `fn` to each leaf with what stands at its place in the further trees. */
function mapLeaves(
  fn: LeafFunction,
  def: TreeDef,
  leaves: readonly unknown[],
  rest: readonly unknown[],
  caller: string,
): unknown[] {
  const results: unknown[] = [];
  // One tree and two trees are nearly all calls, and need no list of arguments for each leaf.
  if (rest.length === 0) {
    for (let i = 0; i < leaves.length; i++) results.push(fn(leaves[i]));
  } else if (rest.length === 1) {
    const other = flattenUpTo(def, rest[0], caller);
    for (let i = 0; i < leaves.length; i++) results.push(fn(leaves[i], other[i]));
  } else {
    const others = rest.map((tree) => flattenUpTo(def, tree, caller));
    for (let i = 0; i < leaves.length; i++) {
      results.push(fn(leaves[i], ...others.map((other) => other[i])));
    }
  }
  return results;
}
