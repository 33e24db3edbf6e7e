/**
 * The operands of a call of a compiled function, and whether two calls are of one kind.
 *
 * @module
 */

import { defaultDevice, defaultDtype } from "../../graph/defaults.ts";
import { isGradEnabled, Node } from "../../graph/node.ts";
import { sameShape } from "../../graph/shape.ts";
import { type PyTree, treeFlatten } from "../../pytree/mod.ts";
import { sameLayout } from "../../pytree/structure.ts";
import type { TreeDef } from "../../pytree/treedef.ts";
import { Tensor } from "../tensor.ts";

/** The arguments of one call. */
export interface Operands {
  /** Leaves of the arguments. */
  readonly leaves: readonly unknown[];
  /** Structure of the arguments. */
  readonly def: TreeDef;
  /** The tensors among the leaves, and their gradients, each once. */
  readonly tensors: readonly Tensor[];
  /** Which tensor each leaf is, or -1: arguments that are one tensor have one number. */
  readonly at: readonly number[];
  /** Which tensor the gradient of each tensor among the leaves is, or -1. */
  readonly grads: readonly number[];
  /** What the surroundings say about new tensors. */
  readonly modes: readonly unknown[];
}

/** Takes the arguments of a call apart. */
export function takeOperands(args: readonly unknown[]): Operands {
  const { leaves, def } = treeFlatten(args as unknown as PyTree<unknown>);
  const tensors: Tensor[] = [], places = new Map<Tensor, number>();
  const placeOf = (tensor: Tensor) => {
    const known = places.get(tensor);
    if (known !== undefined) return known;
    places.set(tensor, tensors.length);
    return tensors.push(tensor) - 1;
  };
  const at = leaves.map((x) => x instanceof Tensor ? placeOf(x) : -1), grads: number[] = [];
  for (let i = 0, n = tensors.length; i < n; i++) {
    const grad = tensors[i].rawNode.box?.grad;
    grads.push(grad ? placeOf(grad as Tensor) : -1);
  }
  return { leaves, def, tensors, at, grads, modes: modes() };
}

function modes(): unknown[] {
  return [isGradEnabled(), defaultDtype(), defaultDevice()];
}

/** Whether a tensor now is as one was when the function was traced. */
export function sameKind(now: Node, then: Node): boolean {
  return now === then ||
    (now.dtype === then.dtype && now.requiresGrad === then.requiresGrad &&
      sameShape(now.shape, then.shape));
}

/**
 * Whether a call is of the kind of an earlier one, of which `stands` has the stand-in for each
 * tensor, or the tensor itself where no other serves.
 */
export function sameOperands(
  now: Operands,
  then: Operands,
  stands: readonly (Node | Tensor)[],
): boolean {
  if (now.tensors.length !== stands.length || now.leaves.length !== then.leaves.length) {
    return false;
  }
  for (let i = 0; i < stands.length; i++) {
    const stand = stands[i], tensor = now.tensors[i];
    if (stand instanceof Node ? !sameKind(tensor.rawNode, stand) : tensor !== stand) return false;
  }
  for (let i = 0; i < now.leaves.length; i++) {
    if (now.at[i] !== then.at[i]) return false;
    if (now.at[i] < 0 && !Object.is(now.leaves[i], then.leaves[i])) return false;
  }
  return now.grads.every((x, i) => x === then.grads[i]) &&
    now.modes.every((x, i) => x === then.modes[i]) && sameLayout(now.def, then.def);
}
