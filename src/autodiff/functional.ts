/**
 * `func`: differentiation as functions of functions, in the manner of torch.func and JAX.
 *
 * @module
 */

import { GradientError, ShapeError } from "../graph/errors.ts";
import { isFloat, withGrad } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { alias } from "../primitives/movement.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { zeros } from "../tensor/creation.ts";
import { Tensor } from "../tensor/tensor.ts";
import { grad as gradient } from "./grad.ts";
import { zerosNode } from "../primitives/reverse.ts";

/** A tree of tensors. */
export type TensorTree = PyTree<Tensor>;

// deno-lint-ignore no-explicit-any
type AnyFunction = (...args: any[]) => any;

/** Options of `func.grad` and its relatives. */
export interface FuncGradOptions {
  /** Which argument(s) to differentiate (default 0). */
  readonly argnums?: number | readonly number[];
  /** Whether the function returns `[output, aux]`; `aux` is passed on (default false). */
  readonly hasAux?: boolean;
}

/** A new root on the same value, so that inner and outer derivatives do not mix. */
function root(x: Tensor): Tensor {
  const node = alias(x.node);
  node.requiresGrad = true;
  return wrap(node);
}

function checkTensors(op: string, leaves: readonly unknown[]): asserts leaves is Tensor[] {
  for (const leaf of leaves) {
    if (!(leaf instanceof Tensor)) {
      throw new TypeError(`${op}: differentiated arguments are trees of tensors, got ${leaf}.`);
    }
    if (!isFloat(leaf.dtype)) {
      throw new GradientError(
        `${op}: an argument is ${leaf.dtype}; only floating-point tensors have gradients.`,
      );
    }
  }
}

/** Runs `fn` with recorded stand-ins for some arguments. */
function record(
  op: string,
  fn: AnyFunction,
  args: unknown[],
  argnums: readonly number[],
): { output: unknown; roots: Tensor[]; rebuild: (leaves: Tensor[]) => unknown[] } {
  const roots: Tensor[] = [];
  const defs: { at: number; count: number; restore: (l: Tensor[]) => unknown }[] = [];
  const changed = [...args];
  for (const at of argnums) {
    if (at < 0 || at >= args.length) {
      throw new RangeError(`${op}: argnums ${at} is out of range for ${args.length} argument(s).`);
    }
    const { leaves, def } = treeFlatten(args[at] as TensorTree);
    checkTensors(op, leaves);
    const own = (leaves as Tensor[]).map(root);
    roots.push(...own);
    changed[at] = treeUnflatten(def, own);
    defs.push({ at, count: own.length, restore: (l) => treeUnflatten(def, l) });
  }
  const output = withGrad(true, () => fn(...changed));
  return {
    output,
    roots,
    rebuild(leaves) {
      let from = 0;
      return defs.map(({ count, restore }) => restore(leaves.slice(from, from += count)));
    },
  };
}

function orZeros(g: Tensor | null, x: Tensor): Tensor {
  return g ?? wrap(zerosNode(x.node));
}

/**
 * A function that returns the value of `fn` and its gradient.
 *
 * @param fn a function of trees of tensors that returns a scalar (or `[scalar, aux]`)
 * @returns a function with the arguments of `fn` that gives `[value, gradient]`, or
 * `[[value, aux], gradient]`; the gradient has the structure of the argument (an array of them
 * where `argnums` is an array)
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [value, g] = func.valueAndGrad((p) => p.w.mul(p.w).sum())({ w: tensor([1, 2]) });
 * assertEquals(value.item(), 5);
 * assertEquals(g.w.toArray(), [2, 4]);
 * ```
 */
export function valueAndGrad(
  fn: AnyFunction,
  { argnums = 0, hasAux = false }: FuncGradOptions = {},
  // deno-lint-ignore no-explicit-any
): (...args: any[]) => any {
  const numbers = typeof argnums === "number" ? [argnums] : argnums;
  return (...args: unknown[]) => {
    const { output, roots, rebuild } = record("func.grad", fn, args, numbers);
    const value = hasAux ? (output as [Tensor, unknown])[0] : output as Tensor;
    if (!(value instanceof Tensor)) {
      throw new TypeError(
        `func.grad: the function must return a scalar tensor${
          hasAux ? " and an aux value" : ""
        }, ` +
          `got ${value}.`,
      );
    }
    if (value.size !== 1) {
      throw new GradientError(
        `func.grad: the function returned shape ${
          showShape(value.shape)
        }, wants a scalar; reduce ` +
          `it (sum(), mean()), or use func.vjp or func.jacrev.`,
      );
    }
    const grads = value.requiresGrad
      ? gradient(value, roots, { createGraph: true, allowUnused: true })
      : roots.map(() => null);
    const trees = rebuild(grads.map((g, i) => orZeros(g, roots[i])));
    return [output, typeof argnums === "number" ? trees[0] : trees];
  };
}

/**
 * A function that returns the gradient of `fn`; with `hasAux`, `[gradient, aux]`.
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
// deno-lint-ignore no-explicit-any
export function grad(fn: AnyFunction, options: FuncGradOptions = {}): (...args: any[]) => any {
  const both = valueAndGrad(fn, options);
  return (...args: unknown[]) => {
    const [output, g] = both(...args);
    return options.hasAux ? [g, output[1]] : g;
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
export function vjp(
  fn: AnyFunction,
  ...primals: unknown[]
  // deno-lint-ignore no-explicit-any
): [any, (cotangents: any) => any[]] {
  const { output, roots, rebuild } = record("func.vjp", fn, primals, primals.map((_, i) => i));
  const { leaves: outs } = treeFlatten(output as TensorTree) as { leaves: Tensor[] };
  const pullback = (cotangents: TensorTree) => {
    const { leaves: gs } = treeFlatten(cotangents) as { leaves: Tensor[] };
    if (gs.length !== outs.length) {
      throw new TypeError(
        `func.vjp: the output has ${outs.length} tensor(s), the cotangents ${gs.length}; give the ` +
          `same structure.`,
      );
    }
    const recorded = outs.map((_, i) => i).filter((i) => outs[i].requiresGrad);
    const grads = recorded.length === 0 ? roots.map(() => null) : gradient(
      recorded.map((i) => outs[i]),
      roots,
      { gradOutputs: recorded.map((i) => gs[i]), createGraph: true, allowUnused: true },
    );
    return rebuild(grads.map((g, i) => orZeros(g, roots[i])));
  };
  return [output, pullback];
}

/**
 * The value of `fn` and the derivative of its output along a direction (Jacobian times vector).
 *
 * The direction is carried forward by differentiating the pullback, which is linear in its
 * cotangent, once more; the simplifier removes what that leaves over.
 *
 * @param fn a function from trees of tensors to a tree of tensors
 * @param primals its arguments
 * @param tangents a direction for each argument, of the same structure
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
export function jvp(
  fn: AnyFunction,
  primals: unknown[],
  tangents: unknown[],
  // deno-lint-ignore no-explicit-any
): [any, any] {
  const [output, pushforward] = linearize("func.jvp", fn, primals);
  return [output, pushforward(tangents)];
}

/** The value of `fn`, and the function that carries directions forward. */
export function linearize(
  op: string,
  fn: AnyFunction,
  primals: unknown[],
): [unknown, (tangents: unknown[]) => unknown] {
  const { output, roots } = record(op, fn, primals, primals.map((_, i) => i));
  const { leaves, def } = treeFlatten(output as TensorTree);
  const forward = (leaves as Tensor[]).map((out) => linear(out, roots));
  return [output, (tangents) => {
    const { leaves: ts } = treeFlatten(tangents as TensorTree) as { leaves: Tensor[] };
    checkTangents(op, ts, roots);
    return treeUnflatten(def, forward.map((push) => push(ts)));
  }];
}

function checkTangents(op: string, ts: readonly Tensor[], roots: readonly Tensor[]): void {
  if (ts.length !== roots.length) {
    throw new TypeError(
      `${op}: the primals have ${roots.length} tensor(s), the tangents ${ts.length}; give the ` +
        `same structure.`,
    );
  }
  ts.forEach((t, i) => {
    if (showShape(t.shape) !== showShape(roots[i].shape)) {
      throw new ShapeError(
        `${op}: tangent ${i} has shape ${showShape(t.shape)}, its primal ` +
          `${showShape(roots[i].shape)}; they must be equal.`,
      );
    }
  });
}

/** The derivative of `out` along directions of `roots`: the pullback, which is linear, differentiated. */
function linear(out: Tensor, roots: readonly Tensor[]): (ts: readonly Tensor[]) => Tensor {
  const nothing = () => wrap(zerosNode(out.node));
  if (!out.requiresGrad) return nothing;
  const { dummy, back } = withGrad(true, () => {
    const dummy = root(zeros(out.shape, { dtype: out.dtype }));
    const options = { gradOutputs: [dummy], createGraph: true, allowUnused: true };
    return { dummy, back: gradient(out, roots, options) };
  });
  const used = back.map((_, i) => i).filter((i) => back[i]?.requiresGrad);
  if (used.length === 0) return nothing;
  return (ts) => {
    const gradOutputs = used.map((i) => ts[i]);
    const options = { gradOutputs, createGraph: true, allowUnused: true };
    return orZeros(gradient(used.map((i) => back[i]!), [dummy], options)[0], out);
  };
}

/**
 * The product of the Hessian of a scalar function with a direction, without the matrix (Pearlmutter,
 * Fast exact multiplication by the Hessian, 1994): the gradient of the gradient's inner product.
 *
 * @param fn a function from one tree of tensors to a scalar
 * @param primal its argument
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
export function hvp(
  fn: AnyFunction,
  primal: unknown,
  tangent: unknown,
  // deno-lint-ignore no-explicit-any
): [any, any] {
  const [g, pullback] = vjp(grad(fn), primal);
  return [g, pullback(tangent)[0]];
}
