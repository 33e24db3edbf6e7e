/**
 * Matrices of derivatives: all directions at once, through `vmap`.
 *
 * @module
 */

import { type PyTree, treeFlatten, treeMap, treeUnflatten } from "../pytree/mod.ts";
import { eye, zeros } from "../tensor/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { grad, linearize, vjp } from "./functional.ts";
import { vmap } from "./vmap.ts";

// deno-lint-ignore no-explicit-any
type AnyFunction = (...args: any[]) => any;
type TensorTree = PyTree<Tensor>;

/** Options of `func.jacrev`, `func.jacfwd` and `func.hessian`. */
export interface JacobianOptions {
  /** Which argument to differentiate (default 0); an array gives an array of derivatives. */
  readonly argnums?: number | readonly number[];
}

/** All unit vectors of the space of `x`, one after another: [size, ...shape]. */
function basis(x: Tensor): Tensor {
  return eye(x.size, { dtype: x.dtype }).reshape([x.size, ...x.shape]);
}

// deno-lint-ignore no-explicit-any
function flatten(tree: unknown): { leaves: Tensor[]; def: any } {
  return treeFlatten(tree as TensorTree);
}

/** `fn` as a function of one argument, or of an array of those in `at`, and the value of that. */
function only(
  op: string,
  fn: AnyFunction,
  args: readonly unknown[],
  at: number | readonly number[],
): [AnyFunction, TensorTree] {
  for (const i of typeof at === "number" ? [at] : at) {
    if (!Number.isInteger(i) || i < 0 || i >= args.length) {
      throw new RangeError(`${op}: argnums ${i} is out of range for ${args.length} argument(s).`);
    }
  }
  if (typeof at === "number") {
    return [(x: unknown) => fn(...args.with(at, x)), args[at] as TensorTree];
  }
  const replaced = (xs: unknown[]) => at.reduce((all, i, k) => all.with(i, xs[k]), args);
  return [(xs: unknown[]) => fn(...replaced(xs)), at.map((i) => args[i]) as TensorTree];
}

/**
 * The Jacobian by reverse mode: one backward pass for a batch of all elements of the output. Cheaper
 * than `jacfwd` where the output has fewer elements than the argument.
 *
 * @param fn a function that returns a tensor or a tree of them
 * @param options which argument to differentiate (a tensor or a tree of them), or which ones
 * @returns a function that gives a tree like the output, of trees like the argument, whose leaves have
 * the shape `[...output shape, ...argument shape]`
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(func.jacrev((x) => x.mul(x))(tensor([1, 2])).toArray(), [[2, 0], [0, 4]]);
 * ```
 */
export function jacrev(
  fn: AnyFunction,
  { argnums = 0 }: JacobianOptions = {},
  // deno-lint-ignore no-explicit-any
): (...args: any[]) => any {
  return (...args: unknown[]) => {
    const [fixed, point] = only("func.jacrev", fn, args, argnums);
    const [output, pullback] = vjp(fixed, point);
    const { leaves, def } = flatten(output);
    const still = leaves.map((y) => zeros(y.shape, { dtype: y.dtype }));
    const blocks = leaves.map((y, k) => {
      const along = (e: Tensor) => pullback(treeUnflatten(def, still.with(k, e)))[0];
      return treeMap(
        (g: Tensor, x: Tensor) => g.reshape([...y.shape, ...x.shape]),
        vmap(along)(basis(y)) as TensorTree,
        point,
      );
    });
    return treeUnflatten(def, blocks as TensorTree[]);
  };
}

/**
 * The Jacobian by forward mode: one forward pass for a batch of all elements of the argument.
 *
 * @param fn a function that returns a tensor or a tree of them
 * @param options which argument to differentiate (a tensor or a tree of them), or which ones
 * @returns a function that gives a tree like the output, of trees like the argument, whose leaves have
 * the shape `[...output shape, ...argument shape]`
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(func.jacfwd((x) => x.mul(x))(tensor([1, 2])).toArray(), [[2, 0], [0, 4]]);
 * ```
 */
export function jacfwd(
  fn: AnyFunction,
  { argnums = 0 }: JacobianOptions = {},
  // deno-lint-ignore no-explicit-any
): (...args: any[]) => any {
  return (...args: unknown[]) => {
    const [fixed, point] = only("func.jacfwd", fn, args, argnums);
    const [output, pushforward] = linearize("func.jacfwd", fixed, [point]);
    const outs = flatten(output), { leaves, def } = flatten(point);
    const still = leaves.map((x) => zeros(x.shape, { dtype: x.dtype }));
    const columns = leaves.map((x, k) => {
      const along = (e: Tensor) => pushforward([treeUnflatten(def, still.with(k, e))]);
      const all = flatten(vmap(along, { outAxes: -1 })(basis(x))).leaves;
      return all.map((column, j) => column.reshape([...outs.leaves[j].shape, ...x.shape]));
    });
    const blocks = outs.leaves.map((_, j) => treeUnflatten(def, columns.map((c) => c[j])));
    return treeUnflatten(outs.def, blocks as TensorTree[]);
  };
}

/**
 * The matrix of second derivatives of a scalar function: the Jacobian of its gradient.
 *
 * @param fn a function that returns a scalar
 * @param options which argument to differentiate (a tensor or a tree of them), or which ones
 * @returns a function that gives a tensor of shape `[...shape, ...shape]`; for a tree, a tree of trees
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const h = func.hessian((x) => x.pow(3).sum())(tensor([1, 2]));
 * assertEquals(h.toArray(), [[6, 0], [0, 12]]);
 * ```
 */
export function hessian(
  fn: AnyFunction,
  options: JacobianOptions = {},
  // deno-lint-ignore no-explicit-any
): (...args: any[]) => any {
  return jacrev(grad(fn, options), options);
}
