/**
 * Arithmetic of whole trees: leaves are tensors, or whatever else has these methods, and numbers.
 *
 * @module
 */

import { treeFlatten, treeUnflatten } from "./flatten.ts";
import { treeMap } from "./map.ts";
import type { TreeDef } from "./treedef.ts";
import type { PyTree } from "./types.ts";

/** A leaf that can be computed with, such as a tensor. */
export interface Operand {
  /** The sum. */
  add(other: never): unknown;
  /** The difference. */
  sub(other: never): unknown;
  /** The product, element by element. */
  mul(other: never): unknown;
  /** The quotient. */
  div(other: never): unknown;
  /** The negative. */
  neg(): unknown;
}

type Method = "add" | "sub" | "mul" | "div" | "matmul";
type Leaf = Record<Method, (other: unknown) => unknown> & { neg(): unknown };

const NUMBERS: Readonly<Record<Method, ((a: number, b: number) => number) | null>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  matmul: null,
};

function checkLeaf(op: string, method: Method | "neg", x: unknown): asserts x is Leaf {
  if (typeof (x as Leaf | null)?.[method] === "function") return;
  const given = x === null ? "null" : typeof x;
  throw new TypeError(
    `${op}: a leaf is of type ${given}, wants tensors (or what has ${method}()).`,
  );
}

/** `a method b` of two leaves, one of which may be a number. */
function apply(op: string, method: Method, a: unknown, b: unknown): unknown {
  const ofNumbers = NUMBERS[method];
  if (typeof a === "number" && ofNumbers !== null) {
    if (typeof b === "number") return ofNumbers(a, b);
    if (method === "add" || method === "mul") return apply(op, method, b, a);
    if (method === "sub") return apply(op, "add", negative(op, b), a);
  }
  checkLeaf(op, method, a);
  return a[method](b);
}

function negative(op: string, x: unknown): unknown {
  if (typeof x === "number") return -x;
  checkLeaf(op, "neg", x);
  return x.neg();
}

function each<T>(op: string, method: Method, first: T, ...rest: readonly T[]): T {
  return rest.reduce<T>(
    (a, b) =>
      treeMap(
        (x: unknown, y: unknown) => apply(op, method, x, y),
        a as PyTree<unknown>,
        b as never,
      ) as T,
    first,
  );
}

function checkTrees(op: string, trees: readonly unknown[]): void {
  if (trees.length === 0) throw new TypeError(`${op}: got no trees, wants at least one.`);
}

/**
 * Leaves and structure of a tree, as {@linkcode treeFlatten} gives them. (`tree_flatten_as_tuple` of the
 * reference differs from `tree_flatten` in that it gives a tuple, of which JavaScript has none.)
 *
 * @param tree the tree
 * @returns `{ leaves, def }`, the leaves frozen
 *
 * @example
 * ```ts
 * import { pytree } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...pytree.treeFlattenAsTuple({ a: 1, b: [2, 3] }).leaves], [1, 2, 3]);
 * ```
 */
export function treeFlattenAsTuple<T>(tree: PyTree<T>): { leaves: readonly T[]; def: TreeDef } {
  const { leaves, def } = treeFlatten<T>(tree);
  return { leaves: Object.freeze(leaves), def };
}

/**
 * The same tree with the same leaves, which is what `+` before a tensor gives.
 *
 * @param tree a tree of tensors and numbers
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treePos({ w: tensor([1, -2]) }).w.toArray(), [1, -2]);
 * ```
 */
export function treePos<T>(tree: T): T {
  return treeMap((x: unknown) => x, tree as PyTree<unknown>) as T;
}

/**
 * The negatives of all leaves.
 *
 * @param tree a tree of tensors and numbers
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeNeg({ w: tensor([1, -2]) }).w.toArray(), [-1, 2]);
 * ```
 */
export function treeNeg<T>(tree: T): T {
  return treeMap((x: unknown) => negative("treeNeg", x), tree as PyTree<unknown>) as T;
}

/**
 * The sum of trees, leaf by leaf.
 *
 * @param trees trees of one structure
 * @throws {TypeError} where there is none, or a leaf cannot be added
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const a = { w: tensor([1, 2]) };
 * assertEquals(pytree.treeAdd(a, a, a).w.toArray(), [3, 6]);
 * ```
 */
export function treeAdd<T>(...trees: T[]): T {
  checkTrees("treeAdd", trees);
  return each("treeAdd", "add", ...(trees as [T, ...T[]]));
}

/**
 * `x + alpha y`, leaf by leaf.
 *
 * @param x a tree
 * @param y a tree of the same structure
 * @param alpha a number or tensor (default: `x + y`)
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeAddScalarMul([tensor(1)], [tensor(2)], 10)[0].item(), 21);
 * ```
 */
export function treeAddScalarMul<T>(x: T, y: T, alpha: number | Operand | null = null): T {
  return each("treeAddScalarMul", "add", x, scaled("treeAddScalarMul", alpha, y));
}

/**
 * The difference of two trees, leaf by leaf.
 *
 * @param minuend a tree
 * @param subtrahend a tree of the same structure
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeSub([tensor(1)], [tensor(3)])[0].item(), -2);
 * ```
 */
export function treeSub<T>(minuend: T, subtrahend: T): T {
  return each("treeSub", "sub", minuend, subtrahend);
}

/**
 * `x - alpha y`, leaf by leaf.
 *
 * @param x a tree
 * @param y a tree of the same structure
 * @param alpha a number or tensor (default: `x - y`)
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeSubScalarMul([tensor(1)], [tensor(2)], 10)[0].item(), -19);
 * ```
 */
export function treeSubScalarMul<T>(x: T, y: T, alpha: number | Operand | null = null): T {
  return each("treeSubScalarMul", "sub", x, scaled("treeSubScalarMul", alpha, y));
}

/**
 * The product of trees, leaf by leaf and element by element.
 *
 * @param trees trees of one structure
 * @throws {TypeError} where there is none
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeMul([tensor([1, 2])], [tensor([3, 4])])[0].toArray(), [3, 8]);
 * ```
 */
export function treeMul<T>(...trees: T[]): T {
  checkTrees("treeMul", trees);
  return each("treeMul", "mul", ...(trees as [T, ...T[]]));
}

/**
 * The matrix products of two trees, leaf by leaf.
 *
 * @param lhs a tree of tensors
 * @param rhs a tree of the same structure
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeMatmul([tensor([[1, 2]])], [tensor([[3], [4]])])[0].item(), 11);
 * ```
 */
export function treeMatmul<T>(lhs: T, rhs: T): T {
  return each("treeMatmul", "matmul", lhs, rhs);
}

/**
 * A number times all leaves.
 *
 * @param scalar a number or tensor
 * @param multiplicand a tree
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeScalarMul(3, { w: tensor([1, 2]) }).w.toArray(), [3, 6]);
 * ```
 */
export function treeScalarMul<T>(scalar: number | Operand, multiplicand: T): T {
  return scaled("treeScalarMul", scalar, multiplicand);
}

function scaled<T>(op: string, scalar: unknown, tree: T): T {
  if (scalar === null) return tree;
  return treeMap((x: unknown) => apply(op, "mul", x, scalar), tree as PyTree<unknown>) as T;
}

/**
 * The quotients of two trees, leaf by leaf.
 *
 * @param dividend a tree
 * @param divisor a tree of the same structure
 *
 * @example
 * ```ts
 * import { pytree, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pytree.treeTruediv([tensor([1, 2])], [tensor([4, 4])])[0].toArray(), [0.25, 0.5]);
 * ```
 */
export function treeTruediv<T>(dividend: T, divisor: T): T {
  return each("treeTruediv", "div", dividend, divisor);
}

/**
 * The inner product of trees: the sum of all products of elements that belong together.
 *
 * @param trees trees of tensors of one structure, two in general
 * @returns a scalar (0 for trees without leaves)
 * @throws {TypeError} where there is none, or a leaf has no `mul()` and `sum()`
 *
 * @example
 * ```ts
 * import { pytree, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const a = { w: tensor([1, 2]), b: tensor(3) };
 * assertEquals(pytree.treeVdotReal<Tensor>(a, a).item(), 14);
 * ```
 */
export function treeVdotReal<T>(...trees: PyTree<T>[]): T {
  const op = "treeVdotReal";
  checkTrees(op, trees);
  const { leaves } = treeFlatten<unknown>(
    each(op, "mul", ...(trees as [unknown, ...unknown[]])) as never,
  );
  const sums = leaves.map((x) => {
    if (typeof x === "number") return x;
    checkLeaf(op, "add", x);
    return (x as unknown as { sum(): unknown }).sum();
  });
  return sums.reduce((a, b) => apply(op, "add", a, b), 0) as T;
}

/**
 * Waits for all promises of a tree, such as what `distributed.remoteAsyncCall` returns.
 *
 * @param tree a tree whose leaves may be promises
 * @returns the tree of their values; rejects as the first of them that does
 *
 * @example
 * ```ts
 * import { pytree } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await pytree.treeWait({ a: Promise.resolve(1), b: [2] }), { a: 1, b: [2] });
 * ```
 */
export async function treeWait(tree: PyTree<unknown>): Promise<unknown> {
  const { leaves, def } = treeFlatten<unknown>(tree);
  return treeUnflatten(def, await Promise.all(leaves));
}
