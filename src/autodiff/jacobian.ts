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
  /** Which argument to differentiate (default 0). */
  readonly argnums?: number;
}

/** All unit vectors of the space of `x`, one after another: [size, ...shape]. */
function basis(x: Tensor): Tensor {
  return eye(x.size, { dtype: x.dtype }).reshape([x.size, ...x.shape]);
}

/** `fn` as a function of one argument. */
function only(fn: AnyFunction, args: readonly unknown[], at: number): AnyFunction {
  return (x: unknown) => fn(...args.map((a, i) => i === at ? x : a));
}

/**
 * The Jacobian by reverse mode: one backward pass for a batch of all elements of the output. Cheaper
 * than `jacfwd` where the output has fewer elements than the argument.
 *
 * @param fn a function that returns one tensor
 * @param options which argument to differentiate; it is a tree of tensors
 * @returns a function that gives a tree like the argument, each leaf of shape
 * `[...output shape, ...leaf shape]`
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
    const [y, pullback] = vjp(only(fn, args, argnums), args[argnums]);
    const rows = vmap((e: Tensor) => pullback(e)[0])(basis(y)) as TensorTree;
    return treeMap(
      (g, x) => (g as Tensor).reshape([...y.shape, ...(x as Tensor).shape]),
      rows,
      args[argnums] as TensorTree,
    );
  };
}

/**
 * The Jacobian by forward mode: one forward pass for a batch of all elements of the argument.
 *
 * @param fn a function that returns one tensor
 * @param options which argument to differentiate; it is a tree of tensors
 * @returns a function that gives a tree like the argument, each leaf of shape
 * `[...output shape, ...leaf shape]`
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
    const [y, pushforward] = linearize("func.jacfwd", only(fn, args, argnums), [args[argnums]]);
    const { shape } = y as Tensor;
    const { leaves, def } = treeFlatten(args[argnums] as TensorTree) as {
      leaves: Tensor[];
      // deno-lint-ignore no-explicit-any
      def: any;
    };
    const still = leaves.map((x) => zeros(x.shape, { dtype: x.dtype }));
    const columns = leaves.map((x, k) => {
      const along = (e: Tensor) => pushforward([treeUnflatten(def, still.with(k, e))]);
      const all = vmap(along, { outAxes: -1 })(basis(x)) as Tensor;
      return all.reshape([...shape, ...x.shape]);
    });
    return treeUnflatten(def, columns);
  };
}

/**
 * The matrix of second derivatives of a scalar function: the Jacobian of its gradient.
 *
 * @param fn a function that returns a scalar
 * @param options which argument to differentiate: one tensor
 * @returns a function that gives a tensor of shape `[...shape, ...shape]`
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
