/**
 * What the functions of functions have in common: recorded stand-ins for arguments, and directions
 * carried forward.
 *
 * @module
 */

import { GradientError, ShapeError } from "../graph/errors.ts";
import { isFloat, withGrad } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { alias } from "../primitives/movement.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { zeros } from "../tensor/creation.ts";
import { checkFunction, describe } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";
import { Tensor } from "../tensor/tensor.ts";
import { grad as gradient } from "./grad.ts";
import { carryingForward, zerosNode } from "../primitives/reverse.ts";

/** A function of whatever arguments. */
export type AnyFunction = (...args: never[]) => unknown;

/** What a recorded call shows. */
export interface Recorded {
  /** What the function returned. */
  readonly output: unknown;
  /** Stand-ins for the tensors of the arguments, from which one differentiates. */
  readonly roots: Tensor[];
  /** One tree for each of the arguments, of tensors in the order of the stand-ins. */
  rebuild(leaves: Tensor[]): unknown[];
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
      throw new TypeError(
        `${op}: differentiated arguments are trees of tensors, got ${describe(leaf)}.`,
      );
    }
    if (!isFloat(leaf.dtype)) {
      throw new GradientError(
        `${op}: an argument is ${leaf.dtype}; only floating-point tensors have gradients.`,
      );
    }
  }
}

/** Runs `fn` with recorded stand-ins for some arguments. */
export function record(
  op: string,
  fn: AnyFunction,
  args: readonly unknown[],
  argnums: readonly number[],
): Recorded {
  checkFunction(op, fn);
  const roots: Tensor[] = [];
  const defs: { at: number; count: number; restore: (l: Tensor[]) => unknown }[] = [];
  const changed = [...args];
  for (const at of argnums) {
    if (!Number.isInteger(at) || at < 0 || at >= args.length) {
      throw new RangeError(
        `${op}: argnums ${describe(at)} is out of range for ${args.length} argument(s).`,
      );
    }
    const { leaves, def } = treeFlatten(args[at] as PyTree<Tensor>);
    checkTensors(op, leaves);
    const own = leaves.map(root);
    // The function may change its handles in place; these stay.
    for (const x of own) roots.push(wrap(x.rawNode));
    changed[at] = treeUnflatten(def, own);
    defs.push({ at, count: own.length, restore: (l) => treeUnflatten(def, l) });
  }
  const output = withGrad(true, () => fn(...changed as never[]));
  return {
    output,
    roots,
    rebuild(leaves) {
      let from = 0;
      return defs.map(({ count, restore }) => restore(leaves.slice(from, from += count)));
    },
  };
}

/** The tensors of what a function returned, and its structure. */
export function outputsOf(op: string, output: unknown) {
  const { leaves, def } = treeFlatten(output as PyTree<unknown>);
  for (const leaf of leaves) checkTensor(op, "what the function returned", leaf);
  return { leaves: leaves as Tensor[], def };
}

/** A gradient, or zeros where there is none. */
export function orZeros(g: Tensor | null, x: Tensor): Tensor {
  return g ?? wrap(zerosNode(x.node));
}

/** The value of `fn`, and the function that carries directions forward. */
export function linearize(
  op: string,
  fn: AnyFunction,
  primals: readonly unknown[],
): [unknown, (tangents: readonly unknown[]) => unknown] {
  const { output, roots } = record(op, fn, primals, primals.map((_, i) => i));
  const { leaves, def } = outputsOf(op, output);
  const forward = leaves.map((out) => linear(out, roots));
  return [output, (tangents) => {
    const { leaves: ts } = treeFlatten(tangents as PyTree<unknown>);
    checkAlike(op, ts, "the tangents", roots, "the primals");
    return treeUnflatten(def, forward.map((push) => push(ts)));
  }];
}

/** Throws unless there is a tensor of equal shape and dtype for each of others. */
export function checkAlike(
  op: string,
  given: readonly unknown[],
  what: string,
  wanted: readonly Tensor[],
  others: string,
): asserts given is Tensor[] {
  if (given.length !== wanted.length) {
    throw new TypeError(
      `${op}: ${others} have ${wanted.length} tensor(s), ${what} ${given.length}; give the ` +
        `same structure.`,
    );
  }
  given.forEach((x, i) => {
    checkTensor(op, `number ${i} of ${what}`, x);
    const { shape, dtype } = wanted[i];
    if (!sameShape(x.shape, shape)) {
      throw new ShapeError(
        `${op}: number ${i} of ${what} has shape ${showShape(x.shape)}, that of ${others} ` +
          `${showShape(shape)}; they must be equal.`,
      );
    }
    if (x.dtype !== dtype) {
      throw new TypeError(
        `${op}: number ${i} of ${what} is ${x.dtype}, that of ${others} ${dtype}; convert it.`,
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
    return { dummy, back: carryingForward(() => gradient(out, roots, options)) };
  });
  const used = back.map((_, i) => i).filter((i) => back[i]?.requiresGrad);
  if (used.length === 0) return nothing;
  return (ts) => {
    const gradOutputs = used.map((i) => ts[i]);
    const options = { gradOutputs, createGraph: true, allowUnused: true };
    return orZeros(gradient(used.map((i) => back[i]!), [dummy], options)[0], out);
  };
}
