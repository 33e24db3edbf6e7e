/**
 * Matrices of derivatives: all directions at once, through `vmap`.
 *
 * @module
 */

import { type PyTree, treeFlatten, treeMap, treeUnflatten } from "../pytree/mod.ts";
import { eye, zeros } from "../tensor/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { linearize, outputsOf } from "./differentiate.ts";
import { grad, vjp } from "./function_transforms.ts";
import type { ArgumentNumbers, GradientAt, WithLeaves } from "./types.ts";
import { vmap } from "./vmap.ts";

type TensorTree = PyTree<Tensor>;
type Trees = (...args: unknown[]) => unknown;
type Pullback = (cotangents: unknown) => TensorTree[];

/** `vjp` of a function of one tree, whatever that is. */
const pullbackOf = vjp as unknown as (fn: Trees, point: TensorTree) => [unknown, Pullback];

/** Options of `func.jacrev`, `func.jacfwd` and `func.hessian`. */
export interface JacobianOptions<N extends ArgumentNumbers = ArgumentNumbers> {
  /** Which argument to differentiate (default 0); an array gives an array of derivatives. */
  readonly argnums?: N;
}

const NAMES = ["argnums"];

/** All unit vectors of the space of `x`, one after another: [size, ...shape]. */
function basis(x: Tensor): Tensor {
  return eye(x.size, { dtype: x.dtype }).reshape([x.size, ...x.shape]);
}

function flatten(tree: unknown) {
  return treeFlatten(tree as TensorTree);
}

/** `fn` as a function of one argument, or of an array of those in `at`, and the value of that. */
function only(
  op: string,
  fn: Trees,
  args: readonly unknown[],
  at: ArgumentNumbers,
): [Trees, TensorTree] {
  for (const i of Array.isArray(at) ? at : [at]) {
    if (!Number.isInteger(i) || i < 0 || i >= args.length) {
      throw new RangeError(
        `${op}: argnums ${describe(i)} is out of range for ${args.length} argument(s).`,
      );
    }
  }
  if (typeof at === "number") {
    return [(x) => fn(...args.with(at, x)), args[at] as TensorTree];
  }
  const replaced = (xs: unknown[]) => at.reduce((all, i, k) => all.with(i, xs[k]), args);
  return [(xs) => fn(...replaced(xs as unknown[])), at.map((i) => args[i]) as TensorTree];
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
export function jacrev<R, A extends unknown[] = Tensor[], const N extends ArgumentNumbers = 0>(
  fn: (...args: A) => R,
  options: JacobianOptions<N> = {},
): (...args: A) => WithLeaves<R, GradientAt<A, N>> {
  checkFunction("func.jacrev", fn);
  checkNames("func.jacrev", options, NAMES);
  return (...args) => {
    const [fixed, point] = only("func.jacrev", fn as Trees, args, options.argnums ?? 0);
    const [output, pullback] = pullbackOf(fixed, point);
    const { leaves, def } = outputsOf("func.jacrev", output);
    const still = leaves.map((y) => zeros(y.shape, { dtype: y.dtype }));
    const blocks = leaves.map((y, k) => {
      const along = (e: Tensor) => pullback(treeUnflatten(def, still.with(k, e)))[0];
      return treeMap(
        (g: Tensor, x: Tensor) => g.reshape([...y.shape, ...x.shape]),
        vmap(along)(basis(y)) as TensorTree,
        point,
      );
    });
    return treeUnflatten(def, blocks) as WithLeaves<R, GradientAt<A, N>>;
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
export function jacfwd<R, A extends unknown[] = Tensor[], const N extends ArgumentNumbers = 0>(
  fn: (...args: A) => R,
  options: JacobianOptions<N> = {},
): (...args: A) => WithLeaves<R, GradientAt<A, N>> {
  checkFunction("func.jacfwd", fn);
  checkNames("func.jacfwd", options, NAMES);
  return (...args) => {
    const [fixed, point] = only("func.jacfwd", fn as Trees, args, options.argnums ?? 0);
    const [output, pushforward] = linearize("func.jacfwd", fixed, [point]);
    const outs = outputsOf("func.jacfwd", output), { leaves, def } = flatten(point);
    const still = leaves.map((x) => zeros(x.shape, { dtype: x.dtype }));
    const columns = leaves.map((x, k) => {
      const along = (e: Tensor) => pushforward([treeUnflatten(def, still.with(k, e))]);
      const all = flatten(vmap(along, { outAxes: -1 })(basis(x))).leaves;
      return all.map((column, j) => column.reshape([...outs.leaves[j].shape, ...x.shape]));
    });
    const blocks = outs.leaves.map((_, j) => treeUnflatten(def, columns.map((c) => c[j])));
    return treeUnflatten(outs.def, blocks) as WithLeaves<R, GradientAt<A, N>>;
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
export function hessian<A extends unknown[] = Tensor[], const N extends ArgumentNumbers = 0>(
  fn: (...args: A) => Tensor,
  options: JacobianOptions<N> = {},
): (...args: A) => WithLeaves<GradientAt<A, N>, GradientAt<A, N>> {
  checkFunction("func.hessian", fn);
  checkNames("func.hessian", options, NAMES);
  return jacrev(grad(fn, options), options);
}
