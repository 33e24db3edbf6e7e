/**
 * Copying modules.
 *
 * @module
 */

import type { TensorTree } from "../base.ts";
import { Module } from "../nn/module.ts";
import { copyRoles, isMeta, readSlot, setMeta } from "../nn/slots.ts";
import { treeMap } from "../pytree/mod.ts";
import type { Device } from "../runtime/mod.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type CopyPolicy, Replicator } from "./state_dict.ts";
import { withDefaults } from "../transform/options.ts";

/** Options of `moduleClone`. */
export interface CloneOptions {
  /** How tensors are taken over (default `"reference"`). */
  readonly by?: CopyPolicy;
  /** Device that the tensors of the copy move to (default: they stay). */
  readonly device?: Device | null;
  /** Whether buffers are copied whatever the policy (default false). */
  readonly detachBuffers?: boolean;
}

/** Copies modules, arrays, maps and plain objects; shares everything else. */
class Cloner {
  readonly #known = new Map<object, object>();
  readonly #replicator: Replicator;
  readonly #buffers = new Set<Tensor>();

  constructor(replicator: Replicator, buffers: Iterable<Tensor>) {
    this.#replicator = replicator;
    this.#buffers = new Set(buffers);
  }

  clone(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof TensorCore) {
      const tensor = value as Tensor;
      return this.#replicator.take(tensor, this.#buffers.has(tensor) ? "deepcopy" : undefined);
    }
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    if (value instanceof Map) {
      const copy = this.#note(value, new Map<unknown, unknown>());
      for (const [k, v] of value) copy.set(k, this.clone(v));
      return copy;
    }
    if (Array.isArray(value)) {
      const copy = this.#note(value, [] as unknown[]);
      for (const v of value) copy.push(this.clone(v));
      return copy;
    }
    const plain = Object.getPrototypeOf(value) === Object.prototype;
    if (!plain && !(value instanceof Module)) return value;
    // What a copied tensor is to a module does not show in it: a linked copy is a result.
    if (value instanceof Module) value.ownEntries();
    const copy = this.#note(value, Object.create(Object.getPrototypeOf(value)));
    if (value instanceof Module && !value.training) copy.training = false;
    for (const [k, v] of Object.entries(value)) {
      copy[k] = this.clone(v);
      if (typeof v === "object" && v !== null && isMeta(value, v)) setMeta(copy, copy[k] as object);
    }
    return copy;
  }

  #note<T extends object>(from: object, copy: T): T {
    this.#known.set(from, copy);
    copyRoles(from, copy);
    return copy;
  }
}

/**
 * Copies a module, with its sub-modules, or a tree of tensors. Tensors are taken over by the given
 * policy; by default the copy shares them, and steps of a differentiable optimizer on the copy leave
 * the original as it is. Private (`#`) properties of modules are not copied.
 *
 * @param target a module or a tree of tensors
 * @param options `by`, `device`, `detachBuffers`
 * @returns the copy
 *
 * @example
 * ```ts
 * import { MetaSGD, moduleClone, nn, ones } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), task = moduleClone(net);
 * assert(task !== net && task.weight === net.weight);
 * new MetaSGD(task, { lr: 0.1 }).step(task.call(ones([1, 2])).sum());
 * assert(task.weight !== net.weight);
 * ```
 */
export function moduleClone<T extends Module | TensorTree>(
  target: T,
  options: CloneOptions = {},
): T {
  const { by, device, detachBuffers } = withDefaults<CloneOptions>("moduleClone", {
    by: "reference",
    device: null,
    detachBuffers: false,
  }, options);
  const replicator = new Replicator("moduleClone", by, device);
  let copy: unknown;
  if (target instanceof Module) {
    const buffers = detachBuffers ? target.slots(["buffer", "transient"]).map(readSlot) : [];
    copy = new Cloner(replicator, buffers).clone(target);
  } else {
    copy = treeMap(
      (x: unknown) => x instanceof TensorCore ? replicator.take(x as Tensor) : x,
      target as TensorTree,
    );
  }
  replicator.finish();
  return copy as T;
}
