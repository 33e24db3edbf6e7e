/**
 * The places of a module's tensors, as objects.
 *
 * @module
 */

import { Module } from "../nn/module.ts";
import { readSlot, type Role, writeSlot } from "../nn/slots.ts";
import { checkNames, describe } from "../transform/options.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Tensors that one module holds itself, by name: reading and assigning goes to the module. */
export type TensorContainer = Record<string, Tensor>;

/** Options of {@linkcode extractModuleContainers}. */
export interface ContainerOptions {
  /** Whether buffers are listed (default true). */
  readonly withBuffers?: boolean;
}

/**
 * The places where a module and those below it hold tensors: one object for each module that holds
 * some itself, parents first. They are no copies: assigning to a name puts a tensor into the module,
 * as a step of `MetaOptimizer` does.
 *
 * @param module the module
 * @param options `withBuffers` (default true)
 * @returns `[params, buffers]`, lists of objects
 * @throws {TypeError} where `module` is none
 *
 * @example
 * ```ts
 * import { extractModuleContainers, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Sequential(new nn.Linear(2, 1), new nn.BatchNorm1d(1));
 * const [params, buffers] = extractModuleContainers(net);
 * assertEquals(params.map(Object.keys), [["weight", "bias"], ["weight", "bias"]]);
 * assertEquals(buffers.length, 1);
 * params[0].weight = params[0].weight.mul(2); // linked to the old one
 * assertEquals(net.parameters()[0].isLeaf, false);
 * ```
 */
export function extractModuleContainers(
  module: Module,
  options: ContainerOptions = {},
): [TensorContainer[], TensorContainer[]] {
  if (!(module instanceof Module)) {
    throw new TypeError(`extractModuleContainers: got ${describe(module)}, wants a module.`);
  }
  checkNames("extractModuleContainers", options, ["withBuffers"]);
  const { withBuffers = true } = options;
  const modules = module.modules();
  const containers = (...roles: Role[]) =>
    modules.map((owner) => containerOf(owner, roles))
      .filter((container) => Object.keys(container).length > 0);
  return [containers("parameter"), withBuffers ? containers("buffer", "transient") : []];
}

function containerOf(owner: Module, roles: readonly Role[]): TensorContainer {
  const container: TensorContainer = {};
  for (const slot of owner.slots(roles, { recurse: false })) {
    Object.defineProperty(container, slot.name, {
      enumerable: true,
      get: () => readSlot(slot),
      set: (tensor: Tensor) => writeSlot(slot, tensor),
    });
  }
  return container;
}
