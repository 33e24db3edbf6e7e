/**
 * `func`: differentiation as functions of functions, in the manner of torch.func and JAX.
 *
 * @module
 */

import { GradientError } from "../graph/errors.ts";
import { showShape } from "../graph/shape.ts";
import { type PyTree, treeFlatten } from "../pytree/mod.ts";
import { checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkAlike, linearize, orZeros, outputsOf, record } from "./differentiate.ts";
import { grad as gradient } from "./grad.ts";
import type { ArgumentNumbers, Gradient, GradientAt, Gradients } from "./types.ts";

/** Options of `func.grad` and its relatives. */
export interface FuncGradOptions<N extends ArgumentNumbers = ArgumentNumbers> {
  /** Which argument(s) to differentiate (default 0). */
  readonly argnums?: N;
  /** Whether the function returns `[output, aux]`; `aux` is passed on (default false). */
  readonly hasAux?: boolean;
}

const NAMES = ["argnums", "hasAux"];

/**
 * A function that returns the value of `fn` and its gradient.
 *
 * Arguments of `fn` without a type of their own count as tensors; give trees their type, as in
 * `(p: { w: Tensor }) => …`.
 *
 * @param fn a function of trees of tensors that returns a scalar (or `[scalar, aux]`)
 * @param options `argnums` (default 0), `hasAux` (default false)
 * @returns a function with the arguments of `fn` that gives `[value, gradient]`, or
 * `[[value, aux], gradient]`; the gradient has the structure of the argument (an array of them
 * where `argnums` is an array)
 *
 * @example
 * ```ts
 * import { func, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = (p: { w: Tensor }) => p.w.mul(p.w).sum();
 * const [value, g] = func.valueAndGrad(loss)({ w: tensor([1, 2]) });
 * assertEquals(value.item(), 5);
 * assertEquals(g.w.toArray(), [2, 4]);
 * ```
 */
export function valueAndGrad<
  X,
  A extends unknown[] = Tensor[],
  const N extends ArgumentNumbers = 0,
>(
  fn: (...args: A) => readonly [Tensor, X],
  options: FuncGradOptions<N> & { readonly hasAux: true },
): (...args: A) => [[Tensor, X], GradientAt<A, N>];
/** The same for a function that returns a scalar. */
export function valueAndGrad<
  A extends unknown[] = Tensor[],
  const N extends ArgumentNumbers = 0,
>(
  fn: (...args: A) => Tensor,
  options?: FuncGradOptions<N> & { readonly hasAux?: false },
): (...args: A) => [Tensor, GradientAt<A, N>];
export function valueAndGrad(
  fn: (...args: never[]) => unknown,
  options: FuncGradOptions = {},
): (...args: unknown[]) => [unknown, unknown] {
  return valueAndGradOf("func.valueAndGrad", fn, options);
}

function valueAndGradOf(
  op: string,
  fn: (...args: never[]) => unknown,
  options: FuncGradOptions,
): (...args: unknown[]) => [unknown, unknown] {
  checkFunction(op, fn);
  checkNames(op, options, NAMES);
  const { argnums = 0, hasAux = false } = options;
  const numbers = Array.isArray(argnums) ? argnums : [argnums];
  return (...args) => {
    const { output, roots, rebuild } = record(op, fn, args, numbers);
    const value = hasAux ? scalarOf(output) : output;
    if (!(value instanceof Tensor)) {
      throw new TypeError(
        `${op}: the function must return ${
          hasAux ? "[scalar tensor, aux value]" : "a scalar tensor"
        }, got ${describe(output)}.`,
      );
    }
    if (value.size !== 1) {
      throw new GradientError(
        `${op}: the function returned shape ${showShape(value.shape)}, wants a scalar; reduce it ` +
          `(sum(), mean()), or use func.vjp or func.jacrev.`,
      );
    }
    const grads = value.requiresGrad
      ? gradient(value, roots, { createGraph: true, allowUnused: true })
      : roots.map(() => null);
    const trees = rebuild(grads.map((g, i) => orZeros(g, roots[i])));
    return [output, Array.isArray(argnums) ? trees : trees[0]];
  };
}

/** The first of a pair. */
function scalarOf(output: unknown): unknown {
  return Array.isArray(output) && output.length === 2 ? output[0] : null;
}

/**
 * A function that returns the gradient of `fn`; with `hasAux`, `[gradient, aux]`.
 *
 * Arguments of `fn` without a type of their own count as tensors; give trees their type, as in
 * `(p: { w: Tensor }) => …`.
 *
 * @param fn a function of trees of tensors that returns a scalar (or `[scalar, aux]`)
 * @param options `argnums` (default 0), `hasAux` (default false)
 * @returns a function with the arguments of `fn`
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const third = func.grad(func.grad(func.grad((x) => x.pow(4))));
 * assertEquals(third(tensor(2)).item(), 48);
 * ```
 */
export function grad<X, A extends unknown[] = Tensor[], const N extends ArgumentNumbers = 0>(
  fn: (...args: A) => readonly [Tensor, X],
  options: FuncGradOptions<N> & { readonly hasAux: true },
): (...args: A) => [GradientAt<A, N>, X];
/** The same for a function that returns a scalar. */
export function grad<A extends unknown[] = Tensor[], const N extends ArgumentNumbers = 0>(
  fn: (...args: A) => Tensor,
  options?: FuncGradOptions<N> & { readonly hasAux?: false },
): (...args: A) => GradientAt<A, N>;
export function grad(
  fn: (...args: never[]) => unknown,
  options: FuncGradOptions = {},
): (...args: unknown[]) => unknown {
  const both = valueAndGradOf("func.grad", fn, options);
  return (...args) => {
    const [output, g] = both(...args);
    return options.hasAux ? [g, (output as unknown[])[1]] : g;
  };
}

/**
 * The value of `fn` and the function that carries cotangents back (Jacobian transposed times vector).
 *
 * @param fn a function from trees of tensors to a tree of tensors
 * @param primals its arguments
 * @returns `[output, pullback]`; `pullback(cotangents)` gives one tree for each argument
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [y, pullback] = func.vjp((x) => x.mul(x), tensor([1, 2]));
 * assertEquals(y.toArray(), [1, 4]);
 * assertEquals(pullback(tensor([1, 10]))[0].toArray(), [2, 40]);
 * ```
 */
export function vjp<A extends unknown[], R>(
  fn: (...args: A) => R,
  ...primals: A
): [R, (cotangents: Gradient<R>) => Gradients<A>] {
  const { output, roots, rebuild } = record("func.vjp", fn, primals, primals.map((_, i) => i));
  const { leaves: outs } = outputsOf("func.vjp", output);
  const pullback = (cotangents: Gradient<R>) => {
    const { leaves: gs } = treeFlatten(cotangents as PyTree<unknown>);
    checkAlike("func.vjp", gs, "the cotangents", outs, "the outputs");
    const recorded = outs.map((_, i) => i).filter((i) => outs[i].requiresGrad);
    const grads = recorded.length === 0 ? roots.map(() => null) : gradient(
      recorded.map((i) => outs[i]),
      roots,
      { gradOutputs: recorded.map((i) => gs[i]), createGraph: true, allowUnused: true },
    );
    return rebuild(grads.map((g, i) => orZeros(g, roots[i]))) as Gradients<A>;
  };
  return [output as R, pullback];
}

/**
 * The value of `fn` and the derivative of its output along a direction (Jacobian times vector).
 *
 * The direction is carried forward by differentiating the pullback, which is linear in its
 * cotangent, once more; the simplifier removes what that leaves over.
 *
 * @param fn a function from trees of tensors to a tree of tensors
 * @param primals its arguments, in an array
 * @param tangents a direction for each argument, of the same structure
 * @returns `[output, derivative]`, both of the structure of the output
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [y, dy] = func.jvp((x) => x.mul(x), [tensor([1, 2])], [tensor([1, 10])]);
 * assertEquals(y.toArray(), [1, 4]);
 * assertEquals(dy.toArray(), [2, 40]);
 * ```
 */
export function jvp<A extends unknown[], R>(
  fn: (...args: A) => R,
  primals: readonly [...A],
  tangents: Gradients<A>,
): [R, Gradient<R>] {
  for (const [name, list] of Object.entries({ primals, tangents })) {
    if (Array.isArray(list)) continue;
    throw new TypeError(
      `func.jvp: ${name} is ${describe(list)}, wants an array with an entry for each argument of ` +
        `the function: func.jvp(fn, [x], [direction]).`,
    );
  }
  const [output, pushforward] = linearize("func.jvp", fn, primals);
  return [output as R, pushforward(tangents) as Gradient<R>];
}

/**
 * The product of the Hessian of a scalar function with a direction, without the matrix (Pearlmutter,
 * Fast exact multiplication by the Hessian, 1994): the gradient of the gradient's inner product.
 *
 * @param fn a function from one tree of tensors to a scalar
 * @param primal its argument, not in an array
 * @param tangent the direction, of the same structure
 * @returns `[gradient, product]`, both of the structure of the argument
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [g, hv] = func.hvp((x) => x.pow(3).sum(), tensor([1, 2]), tensor([1, 1]));
 * assertEquals(g.toArray(), [3, 12]);
 * assertEquals(hv.toArray(), [6, 12]);
 * ```
 */
export function hvp<T>(
  fn: (primal: T) => Tensor,
  primal: T,
  tangent: Gradient<T>,
): [Gradient<T>, Gradient<T>] {
  checkFunction("func.hvp", fn);
  const [g, pullback] = vjp(valueOfOne(fn, primal), primal);
  return [g as Gradient<T>, pullback(tangent as Gradient<Gradient<T>>)[0] as Gradient<T>];
}

/** The gradient of `fn`, which says so where it is given arrays that `func.jvp` wants. */
function valueOfOne<T>(fn: (primal: T) => Tensor, primal: T): (primal: T) => Gradient<T> {
  const gradientOf = valueAndGradOf("func.hvp", fn, {});
  return (x) => {
    try {
      return gradientOf(x)[1] as Gradient<T>;
    } catch (cause) {
      if (!Array.isArray(primal) || primal.length !== 1 || !(cause instanceof TypeError)) {
        throw cause;
      }
      throw new TypeError(
        `func.hvp: the function failed on an array of one. func.hvp takes the argument and the ` +
          `direction as they are, func.hvp(fn, x, direction), not in arrays as func.jvp does. ` +
          cause.message,
        { cause },
      );
    }
  };
}
