/**
 * Where the tensors and sub-modules of a module are: its own properties, also in arrays and maps.
 *
 * @module
 */

import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Parameter } from "./parameter.ts";

/** What a tensor is to the module that holds it. */
export type Role = "parameter" | "buffer" | "transient" | "meta";

/** A place that holds a tensor. */
export interface Slot {
  /** Name, with dots between the parts of the path. */
  readonly name: string;
  /** The object, array or map that holds the tensor. */
  readonly holder: object;
  /** Its place in there. */
  readonly key: unknown;
}

/** Tells modules from everything else without a circular import. */
export const MODULE: unique symbol = Symbol("torchopt.module");

/** What a property holds: a tensor with its role, or a module. */
export interface Entry extends Slot {
  /** The tensor or module. */
  readonly value: unknown;
  /**
   * Role of a tensor, null for a result that the module only keeps; for a module "meta" where it is a
   * meta-module, else null.
   */
  readonly role: Role | null;
}

// Notes lie outside of the modules, so that a copy of a module can take them over.
const roles = new WeakMap<object, Map<unknown, Role>>();
const metas = new WeakMap<object, WeakSet<object>>();

/** Places where a buffer was found that is not registered as one. */
const buffers = new WeakMap<object, Set<unknown>>();

/** Fixes the role of whatever tensor is in a place. */
export function setRole(holder: object, key: unknown, role: Role): void {
  let known = roles.get(holder);
  if (known === undefined) roles.set(holder, known = new Map());
  known.set(key, role);
}

/** Gives the places of a copied holder the roles of the original. */
export function copyRoles(from: object, to: object): void {
  const known = roles.get(from);
  if (known !== undefined) roles.set(to, new Map(known));
  const found = buffers.get(from);
  if (found !== undefined) buffers.set(to, new Set(found));
}

/** Makes a tensor or module meta (or an ordinary one) wherever `module` holds it. */
export function setMeta(module: object, value: object, meta = true): void {
  let known = metas.get(module);
  if (known === undefined) metas.set(module, known = new WeakSet());
  if (meta) known.add(value);
  else known.delete(value);
}

/** Whether a tensor or module is meta to `module`. */
export function isMeta(module: object, value: object): boolean {
  return metas.get(module)?.has(value) ?? false;
}

/**
 * A parameter or meta stays what it is, whatever replaces it; a buffer may still become a parameter.
 * A result of recorded operations in a place of neither is a feature or hidden state that the module
 * keeps, as in PyTorch: `parameters()` in an optimizer must not grow by a call of the module.
 */
function roleOf(module: object, holder: object, key: unknown, value: Tensor): Role | null {
  const known = roles.get(holder)?.get(key);
  if (known !== undefined) return known;
  const found = buffers.get(holder);
  if (isMeta(module, value)) setRole(holder, key, "meta");
  else if (value instanceof Parameter || (value.requiresGrad && value.isLeaf)) {
    setRole(holder, key, "parameter");
  } else if (value.requiresGrad) return found?.has(key) ? "buffer" : null;
  else {
    if (found === undefined) buffers.set(holder, new Set([key]));
    else found.add(key);
    return "buffer";
  }
  return roles.get(holder)!.get(key)!;
}

/** Whether a value is a module. */
export function isModule(value: unknown): boolean {
  return typeof value === "object" && value !== null && MODULE in value;
}

/** The tensors and modules that one module holds itself, in order of its properties. */
export function entriesOf(module: object): Entry[] {
  const found: Entry[] = [], seen = new Set<object>();
  const visit = (holder: object, key: unknown, name: string, value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    if (value instanceof TensorCore) {
      found.push({ name, holder, key, value, role: roleOf(module, holder, key, value as Tensor) });
    } else if (isModule(value)) {
      found.push({ name, holder, key, value, role: isMeta(module, value) ? "meta" : null });
    } else if ((Array.isArray(value) || value instanceof Map) && !seen.has(value)) {
      seen.add(value);
      value.forEach((x: unknown, k: unknown) => visit(value, k, `${name}.${String(k)}`, x));
    }
  };
  for (const key of Object.keys(module)) {
    visit(module, key, key, (module as Record<string, unknown>)[key]);
  }
  return found;
}

/** The tensor in a place. */
export function readSlot({ holder, key }: Slot): Tensor {
  return holder instanceof Map
    ? holder.get(key)
    : (holder as Record<string, Tensor>)[key as string];
}

/** Puts a tensor in a place; what was a parameter there stays one. */
export function writeSlot({ holder, key }: Slot, value: Tensor): void {
  if (holder instanceof Map) holder.set(key, value);
  else (holder as Record<string, Tensor>)[key as string] = value;
}
