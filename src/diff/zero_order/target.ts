/**
 * What a call is differentiated with respect to: the tensors of some arguments.
 *
 * @module
 */

import { customVjp } from "../../autodiff/custom_vjp.ts";
import { DTypeError, GradientError } from "../../graph/errors.ts";
import { isFloat } from "../../graph/node.ts";
import { type PyTree, treeFlatten, treeMap, treeUnflatten } from "../../pytree/mod.ts";
import { wrap } from "../../tensor/core.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** Tensors of the arguments that are differentiated, and how to put others in their place. */
export interface Target {
  /** The tensors, in the order of `argnums` and of each tree. */
  readonly leaves: readonly Tensor[];
  /** The arguments with other tensors. */
  replaced(leaves: readonly Tensor[]): unknown[];
}

/**
 * The tensors of arguments `argnums`.
 *
 * @throws {RangeError} where there is no such argument
 * @throws {DTypeError} where a tensor is not of floating point
 */
export function targetOf(
  op: string,
  args: readonly unknown[],
  argnums: readonly number[],
): Target {
  const parts = argnums.map((at) => {
    if (at >= args.length) {
      throw new RangeError(
        `${op}: argnums ${at} is out of range for ${args.length} argument(s).`,
      );
    }
    return { at, ...treeFlatten(args[at] as PyTree<unknown>) };
  });
  const leaves = parts.flatMap((part) => part.leaves.filter((x) => x instanceof Tensor));
  for (const { dtype } of leaves) {
    if (isFloat(dtype)) continue;
    throw new DTypeError(
      `${op}: a tensor of the differentiated arguments is ${dtype}, wants floating point; leave ` +
        `its argument out of argnums, or convert it.`,
    );
  }
  return {
    leaves,
    replaced(tensors) {
      const changed = [...args];
      let next = 0;
      for (const { at, leaves, def } of parts) {
        const own = leaves.map((x) => x instanceof Tensor ? tensors[next++] : x);
        changed[at] = treeUnflatten(def, own as PyTree<Tensor>[]);
      }
      return changed;
    },
  };
}

/** The arguments with handles of their own, which nobody changes. */
export function snapshot(args: readonly unknown[]): unknown[] {
  return args.map((arg) =>
    treeMap((x: unknown) => x instanceof Tensor ? wrap(x.node) : x, arg as PyTree<unknown>)
  );
}

/**
 * Gradients whose own derivative is unknown: an error names the way out where it is asked for.
 * `leaves` are what they depend on.
 */
export function withoutDerivative(
  op: string,
  grads: readonly Tensor[],
  leaves: readonly Tensor[],
): Tensor[] {
  const opaque = customVjp(
    (_leaves: readonly Tensor[]) => [...grads],
    () => {
      throw new GradientError(
        `${op}: the estimated gradient was differentiated again, but the function does not show how ` +
          `its values depend on the arguments (it reads them, or is evaluated elsewhere). detach() ` +
          `the gradient, or write the function with operations on tensors.`,
      );
    },
  );
  return opaque(leaves);
}
