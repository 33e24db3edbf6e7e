/**
 * Modules as functions of their parameters.
 *
 * @module
 */

import type { Module } from "./module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { isModule } from "./slots.ts";
import { describe } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";

/** Tensors by name, as `namedParameters()` and `namedBuffers()` name them. */
export type NamedTensors = { readonly [name: string]: Tensor };

/**
 * Calls a module with other tensors in the place of its parameters and buffers; those that are not
 * named stay. Afterwards the module is as before.
 *
 * @param module the module
 * @param params tensors by name; one that the module holds in several places is replaced in all
 * @param args arguments of `forward`
 * @returns what `forward` returns
 * @throws {TypeError} a name that the module does not have
 *
 * @example
 * ```ts
 * import { func, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1, { bias: false });
 * const y = func.functionalCall(net, { weight: tensor([[3, 4]]) }, ones([1, 2]));
 * assertEquals(y.toArray(), [[7]]);
 * ```
 */
export function functionalCall<M extends Module>(
  module: M,
  params: NamedTensors,
  ...args: Parameters<M["forward"]>
): ReturnType<M["forward"]> {
  checkModule("func.functionalCall", module);
  if (typeof params !== "object" || params === null) {
    throw new TypeError(
      `func.functionalCall: params is ${describe(params)}, wants tensors by name.`,
    );
  }
  for (const [name, tensor] of Object.entries(params)) {
    checkTensor("func.functionalCall", name, tensor);
  }
  const restore = module.swap("functionalCall", params);
  try {
    return module.forward(...args);
  } finally {
    restore();
  }
}

/**
 * A module as a function of its parameters, for `func.grad` and its relatives.
 *
 * @param module the module; its buffers stay with it
 * @returns `[fn, params]`: `fn(params, ...args)` runs `forward` with the given parameters, and
 * `params` are those of the module now, by name
 *
 * @example
 * ```ts
 * import { func, nn, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [fn, params] = func.makeFunctional(new nn.Linear(2, 1));
 * const g = func.grad((p: typeof params) => fn(p, ones([1, 2])).sum())(params);
 * assertEquals(g.weight.toArray(), [[1, 1]]);
 * ```
 */
export function makeFunctional<M extends Module>(
  module: M,
): [
  (params: NamedTensors, ...args: Parameters<M["forward"]>) => ReturnType<M["forward"]>,
  Record<string, Tensor>,
] {
  checkModule("func.makeFunctional", module);
  return [
    (params, ...args) => functionalCall(module, params, ...args),
    Object.fromEntries(module.namedParameters()),
  ];
}

function checkModule(op: string, module: unknown): void {
  if (isModule(module)) return;
  throw new TypeError(`${op}: got ${describe(module)}, wants a module.`);
}
