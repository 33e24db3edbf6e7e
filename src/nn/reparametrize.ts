/**
 * Other tensors in the places of a module.
 *
 * @module
 */

import { checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { MetaGradientModule } from "./meta_module.ts";
import type { Module } from "./module.ts";
import { isModule, readSlot, type Slot, writeSlot } from "./slots.ts";

/** Options of {@linkcode swapState} and {@linkcode reparametrize}. */
export interface SwapOptions {
  /** Whether names that the module does not have are set as new properties (default false). */
  readonly allowMissing?: boolean;
}

/** Tensors for the places of a module, by name; undefined takes away what is there. */
export type SwapTensors =
  | { readonly [name: string]: Tensor | undefined }
  | Iterable<readonly [string, Tensor | undefined]>;

/** A place, and the tensor that was there; undefined where there was none. */
interface Swap {
  readonly slot: Slot;
  readonly before: Tensor | undefined;
  readonly after: Tensor | undefined;
}

/**
 * Puts tensors in the named places of a module: parameters, buffers, meta-parameters. Nothing is
 * copied, and a tensor that other places share stays there (`func.functionalCall` replaces it in all
 * of them).
 *
 * @param module the module
 * @param tensors tensors by name, as an object or as pairs, such as `namedParameters()` gives
 * @param options `allowMissing` (default false)
 * @returns what was there before, by name: hand it to another call to go back
 * @throws {TypeError} a name that the module does not have, or that is no tensor; then nothing was
 * changed
 *
 * @example
 * ```ts
 * import { nn, ones, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1, { bias: false }), own = net.weight;
 * const before = nn.swapState(net, { weight: tensor([[3, 4]]) });
 * assertEquals(net.call(ones([1, 2])).toArray(), [[7]]);
 * nn.swapState(net, before);
 * assertEquals(net.weight, own);
 * ```
 */
export function swapState(
  module: Module,
  tensors: SwapTensors,
  options: SwapOptions = {},
): Record<string, Tensor | undefined> {
  const swaps = plan("nn.swapState", module, tensors, options);
  for (const [, { slot, after }] of swaps) put(slot, after);
  return Object.fromEntries(swaps.map(([name, { before }]) => [name, before]));
}

/**
 * Runs a function while a module has other tensors in the named places, and puts the old ones back
 * afterwards, also where the function throws.
 *
 * @param module the module
 * @param tensors tensors by name, as for {@linkcode swapState}
 * @param fn gets the module; async functions are refused, since the old tensors come back when it
 * returns
 * @param options `allowMissing` (default false)
 * @returns what `fn` returns
 * @throws {TypeError} as {@linkcode swapState}
 *
 * @example
 * ```ts
 * import { autograd, nn, ones, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1, { bias: false });
 * const weight = tensor([[3, 4]], { requiresGrad: true });
 * const y = nn.reparametrize(net, { weight }, (net) => net.call(ones([1, 2])));
 * assertEquals(autograd.grad(y.sum(), [weight])[0]!.toArray(), [[1, 1]]);
 * ```
 */
export function reparametrize<M extends Module, T>(
  module: M,
  tensors: SwapTensors,
  fn: (module: M) => T,
  options: SwapOptions = {},
): T {
  checkFunction("nn.reparametrize", fn, "fn");
  const swaps = plan("nn.reparametrize", module, tensors, options);
  try {
    for (const [, { slot, after }] of swaps) put(slot, after);
    return fn(module);
  } finally {
    for (const [, { slot, before }] of swaps) put(slot, before);
  }
}

/**
 * The other spelling of {@linkcode reparametrize}.
 *
 * @example
 * ```ts
 * import { nn } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nn.reparameterize, nn.reparametrize);
 * ```
 */
export const reparameterize: typeof reparametrize = reparametrize;

function put(slot: Slot, tensor: Tensor | undefined): void {
  if (tensor !== undefined) writeSlot(slot, tensor);
  else if (slot.holder instanceof Map) slot.holder.delete(slot.key);
  else Reflect.deleteProperty(slot.holder, slot.key as string);
}

/** Finds all places, before anything is changed. */
function plan(
  op: string,
  module: Module,
  tensors: SwapTensors,
  options: SwapOptions,
): (readonly [string, Swap])[] {
  if (!isModule(module)) throw new TypeError(`${op}: got ${describe(module)}, wants a module.`);
  checkNames(op, options, ["allowMissing"]);
  if (typeof tensors !== "object" || tensors === null) {
    throw new TypeError(`${op}: got ${describe(tensors)}, wants tensors by name.`);
  }
  const named: (readonly [string, Tensor | undefined])[] = Symbol.iterator in tensors
    ? [...tensors as Iterable<readonly [string, Tensor | undefined]>]
    : Object.entries(tensors);
  const slots = new Map(allSlots(module).map((slot) => [slot.name, slot]));
  return named.map(([name, after]) => {
    if (after !== undefined || !options.allowMissing) checkTensor(op, name, after);
    const slot = slots.get(name);
    if (slot !== undefined) return [name, { slot, before: readSlot(slot), after }];
    if (options.allowMissing) {
      return [name, { slot: newSlot(op, module, name), before: undefined, after }];
    }
    throw new TypeError(
      `${op}: ${module.constructor.name} has no tensor ${name}; it has ` +
        `${[...slots.keys()].join(", ") || "none"}. allowMissing: true sets new properties.`,
    );
  });
}

function allSlots(module: Module): Slot[] {
  const slots = module.slots(["parameter", "buffer", "transient"]);
  return module instanceof MetaGradientModule ? [...slots, ...module.metaSlots()] : slots;
}

/** A place for a name that nothing has yet. */
function newSlot(op: string, module: Module, name: string): Slot {
  const dot = name.lastIndexOf("."),
    key = name.slice(dot + 1),
    path = name.slice(0, Math.max(dot, 0));
  const holder = module.namedModules().find(([known]) => known === path)?.[1];
  if (holder === undefined) {
    throw new TypeError(`${op}: ${module.constructor.name} has no module ${path} to hold ${key}.`);
  }
  if (key in holder) {
    throw new TypeError(`${op}: ${name} is a property of the module already, and no tensor.`);
  }
  return { name, holder, key };
}
