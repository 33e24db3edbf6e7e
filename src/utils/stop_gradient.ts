/**
 * Cutting modules, optimizers and trees off from their history.
 *
 * @module
 */

import type { TensorTree } from "../base.ts";
import { Module } from "../nn/module.ts";
import { MetaOptimizer } from "../optim/meta_optimizer.ts";
import { treeLeaves } from "../pytree/mod.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { computeDeep, detachAll } from "../tensor/history.ts";
import { ModuleState } from "./state_dict.ts";

/** Uncomputed operations in a row from which cut tensors are computed. */
const MAX_DEPTH = 400;

/** What `stopGradient` works on. */
export type StopGradientTarget = Module | MetaOptimizer | ModuleState | TensorTree;

function tensorsOf(target: StopGradientTarget): Tensor[] {
  if (target instanceof Module) return target.parameters();
  if (target instanceof ModuleState) {
    return [...Object.values(target.params), ...Object.values(target.buffers)];
  }
  const tree = target instanceof MetaOptimizer ? target.stateDict() : target;
  return treeLeaves(tree as TensorTree).filter((x): x is Tensor => x instanceof TensorCore);
}

/**
 * Makes leaves of the parameters of a module, the tensors of a snapshot, the state of a
 * differentiable optimizer or the tensors of a tree, in place: gradients stop there, and what they
 * were computed from can be freed. Tensors that required a gradient still do.
 *
 * @param target a module (without its buffers), a snapshot, an optimizer or a tree
 *
 * @example Truncation: only the last step is differentiated through
 * ```ts
 * import { MetaSGD, nn, ones, stopGradient } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), optimizer = new MetaSGD(net, { lr: 0.1 });
 * const first = net.weight;
 * optimizer.step(net.call(ones([1, 2])).square().sum());
 * stopGradient(net);
 * stopGradient(optimizer);
 * net.call(ones([1, 2])).sum().backward();
 * assert(net.weight.grad !== null && first.grad === null);
 * ```
 */
export function stopGradient(target: StopGradientTarget): void {
  const tensors = tensorsOf(target);
  detachAll(tensors);
  computeDeep(tensors, MAX_DEPTH);
}

/**
 * `stopGradient` that returns its target.
 *
 * @example
 * ```ts
 * import { moduleDetach_, nn } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1);
 * assert(moduleDetach_(net) === net);
 * ```
 */
export function moduleDetach_<T extends StopGradientTarget>(target: T): T {
  stopGradient(target);
  return target;
}
