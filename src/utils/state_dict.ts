/**
 * Taking snapshots of modules and optimizers, and going back to them.
 *
 * @module
 */

import type { OptState, TensorTree } from "../base.ts";
import { withGrad } from "../graph/node.ts";
import { realizeNodes } from "../run/execute.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { Module } from "../nn/module.ts";
import { Parameter } from "../nn/parameter.ts";
import { readSlot, type Role, type Slot, writeSlot } from "../nn/slots.ts";
import { MetaOptimizer, type MetaOptimizerState } from "../optim/meta_optimizer.ts";
import { treeMap } from "../pytree/mod.ts";
import type { Device } from "../runtime/mod.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import { leafOf } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { describe, withDefaults } from "../transform/options.ts";

/**
 * How tensors get into a snapshot: `"reference"` takes the tensors themselves, `"copy"` new tensors
 * that gradients pass through, `"deepcopy"` leaves with memory of their own.
 */
export type CopyPolicy = "reference" | "ref" | "copy" | "clone" | "deepcopy" | "deepclone";

/** Options of `extractStateDict`. */
export interface ExtractOptions {
  /** How tensors are taken (default `"reference"`). */
  readonly by?: CopyPolicy;
  /** Device that the tensors of the snapshot move to (default: they stay). */
  readonly device?: Device | null;
  /** Whether buffers are included (default true). */
  readonly withBuffers?: boolean;
  /** Whether buffers are copied here and again when they are recovered (default false). */
  readonly detachBuffers?: boolean;
  /** Whether names for graph pictures are recorded (default false). */
  readonly enableVisual?: boolean;
  /** What these names begin with (default nothing). */
  readonly visualPrefix?: string;
}

/**
 * Snapshot of a module, made by `extractStateDict`.
 *
 * @example
 * ```ts
 * import { extractStateDict, ModuleState, nn } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const state = extractStateDict(new nn.BatchNorm1d(2));
 * assert(state instanceof ModuleState);
 * assertEquals(Object.keys(state.params), ["weight", "bias"]);
 * assertEquals(Object.keys(state.buffers)[0], "runningMean");
 * ```
 */
export class ModuleState {
  /** Tensors and settings of a snapshot. */
  constructor(
    /** Parameters by name; one that has several names stands under each. */
    readonly params: Readonly<Record<string, Tensor>>,
    /** Buffers by name. */
    readonly buffers: Readonly<Record<string, Tensor>>,
    /** Parameters by their names in graph pictures, or null. */
    readonly visualContents: Readonly<Record<string, Tensor>> | null = null,
    /** Whether recovering copies the buffers. */
    readonly detachBuffers: boolean = false,
  ) {}
}

/** Copies tensors by one policy; a tensor that comes again gets the same copy. */
export class Replicator {
  readonly #by: "reference" | "copy" | "deepcopy";
  readonly #device: Device | null;
  readonly #known = new Map<Tensor, Tensor>();
  readonly #own: Tensor[] = [];

  /** Checks and holds the policy. */
  constructor(op: string, by: CopyPolicy, device: Device | null = null) {
    const names = {
      reference: "reference",
      ref: "reference",
      copy: "copy",
      clone: "copy",
      deepcopy: "deepcopy",
      deepclone: "deepcopy",
    } as const;
    if (!Object.hasOwn(names, by)) {
      throw new RangeError(`${op}: by is ${describe(by)}, wants ${Object.keys(names).join(", ")}.`);
    }
    this.#by = names[by];
    this.#device = device;
  }

  /** The tensor for a snapshot. */
  take(tensor: Tensor, by: "reference" | "copy" | "deepcopy" = this.#by): Tensor {
    let copy = this.#known.get(tensor);
    if (copy !== undefined) return copy;
    const moved = this.#device === null || this.#device === tensor.device
      ? tensor
      : tensor.to(this.#device);
    if (by === "reference") copy = moved;
    else if (by === "copy") copy = moved.clone();
    else this.#own.push(copy = deepCopy(moved, tensor));
    this.#known.set(tensor, copy);
    return copy;
  }

  /** Computes the copies that have memory of their own, before the originals are overwritten. */
  finish(): void {
    if (currentTrace() === null) realizeNodes(this.#own.map((tensor) => tensor.node));
  }
}

function deepCopy(value: Tensor, like: Tensor): Tensor {
  const { node } = withGrad(false, () => value.clone());
  if (like instanceof Parameter) {
    return new Parameter(wrap(node), { requiresGrad: like.requiresGrad });
  }
  return wrap(leafOf(node, like.requiresGrad ? { grad: null } : null));
}

function taken(
  slots: readonly Slot[],
  take: (tensor: Tensor) => Tensor,
): Record<string, Tensor> {
  return Object.fromEntries(slots.map((slot) => [slot.name, take(readSlot(slot))]));
}

/**
 * Takes a snapshot of a module or of a differentiable optimizer.
 *
 * Steps of a differentiable optimizer put new tensors into the module and never change old ones, so
 * that the default policy, which copies nothing, keeps a point to return to. Copies are needed
 * against what works in place: classic optimizers (`"deepcopy"`), and running statistics
 * (`detachBuffers`).
 *
 * @param target a module or a `MetaOptimizer`
 * @param options `by`, `device`, `withBuffers`, `detachBuffers`, `enableVisual`, `visualPrefix`
 * @returns a `ModuleState`, or an array with the state of each group
 * @throws {TypeError} where the target is neither
 *
 * @example Two tasks from one initialisation
 * ```ts
 * import { extractStateDict, MetaSGD, nn, ones, recoverStateDict } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), optimizer = new MetaSGD(net, { lr: 0.1 });
 * const start = extractStateDict(net), begun = extractStateDict(optimizer);
 * const first = net.weight;
 * for (const target of [1, -1]) {
 *   optimizer.step(net.call(ones([1, 2])).sub(target).square().mean());
 *   net.call(ones([1, 2])).sub(target).square().mean().backward();
 *   recoverStateDict(net, start);
 *   recoverStateDict(optimizer, begun);
 * }
 * assert(net.weight === first);
 * assertEquals(first.grad!.shape, [1, 2]);
 * ```
 */
export function extractStateDict(target: Module, options?: ExtractOptions): ModuleState;
/** The same for a differentiable optimizer. */
export function extractStateDict(
  target: MetaOptimizer,
  options?: ExtractOptions,
): MetaOptimizerState;
export function extractStateDict(
  target: Module | MetaOptimizer,
  options: ExtractOptions = {},
): ModuleState | MetaOptimizerState {
  const { by, device, withBuffers, detachBuffers, enableVisual, visualPrefix } = withDefaults<
    ExtractOptions
  >("extractStateDict", {
    by: "reference",
    device: null,
    withBuffers: true,
    detachBuffers: false,
    enableVisual: false,
    visualPrefix: "",
  }, options);
  const replicator = new Replicator("extractStateDict", by, device);
  if (target instanceof MetaOptimizer) {
    const state = target.stateDict().map((group) =>
      treeMap(
        (x: unknown) => x instanceof TensorCore ? replicator.take(x as Tensor) : x,
        group as TensorTree,
      ) as OptState
    );
    replicator.finish();
    return state;
  }
  if (!(target instanceof Module)) {
    throw new TypeError(
      `extractStateDict: got ${describe(target)}, wants a module or a differentiable optimizer.`,
    );
  }
  const slots = (...roles: Role[]) => target.slots(roles);
  const params = taken(slots("parameter"), (x) => replicator.take(x));
  const buffers = withBuffers
    ? taken(
      slots("buffer", "transient"),
      (x) => detachBuffers ? replicator.take(x, "deepcopy") : replicator.take(x),
    )
    : {};
  replicator.finish();
  const visual = enableVisual
    ? Object.fromEntries(Object.entries(params).map(([k, v]) => [visualPrefix + k, v]))
    : null;
  return new ModuleState(params, buffers, visual, detachBuffers);
}

/**
 * Brings a module or a differentiable optimizer back to a snapshot. The tensors of the snapshot are
 * put in place as they are, so one snapshot serves any number of times.
 *
 * @param target what the snapshot was taken of
 * @param state what `extractStateDict` returned
 * @throws {TypeError} where a module and the snapshot differ in names or shapes, or an optimizer in the
 * number of groups; then nothing was changed. The trees inside of the groups are checked by the next
 * step.
 *
 * @example
 * ```ts
 * import { extractStateDict, MetaSGD, nn, ones, recoverStateDict } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Linear(2, 1), optimizer = new MetaSGD(net, { lr: 0.1 });
 * const state = extractStateDict(net), before = net.weight.toArray();
 * optimizer.step(net.call(ones([1, 2])).sum());
 * recoverStateDict(net, state);
 * assertEquals(net.weight.toArray(), before);
 * ```
 */
export function recoverStateDict(target: Module, state: ModuleState): void;
/** The same for a differentiable optimizer. */
export function recoverStateDict(target: MetaOptimizer, state: MetaOptimizerState): void;
export function recoverStateDict(
  target: Module | MetaOptimizer,
  state: ModuleState | MetaOptimizerState,
): void {
  if (target instanceof MetaOptimizer) {
    target.loadStateDict(state as MetaOptimizerState);
    return;
  }
  if (!(target instanceof Module) || !(state instanceof ModuleState)) {
    throw new TypeError(
      `recoverStateDict: got ${describe(target)} and ${describe(state)}, wants a module or a ` +
        `differentiable optimizer, and what extractStateDict returned for it.`,
    );
  }
  const params = placesFor(target, ["parameter"], state.params);
  const buffers = placesFor(target, ["buffer", "transient"], state.buffers);
  for (const [slot, tensor] of params) writeSlot(slot, tensor);
  const replicator = new Replicator(
    "recoverStateDict",
    state.detachBuffers ? "deepcopy" : "reference",
  );
  for (const [slot, tensor] of buffers) writeSlot(slot, replicator.take(tensor));
  replicator.finish();
}

function placesFor(
  module: Module,
  roles: readonly Role[],
  tensors: Readonly<Record<string, Tensor>>,
): [Slot, Tensor][] {
  const slots = new Map(module.slots(roles).map((slot) => [slot.name, slot]));
  return Object.entries(tensors).map(([name, tensor]) => {
    const slot = slots.get(name);
    const present = slot === undefined ? null : readSlot(slot).shape;
    if (present !== null && sameShape(present, tensor.shape)) return [slot!, tensor];
    const { name: owner } = module.constructor;
    throw new TypeError(
      (present === null
        ? `recoverStateDict: the snapshot holds ${name}, which ${owner} does not have; `
        : `recoverStateDict: ${name} of the snapshot has shape ${
          showShape(tensor.shape)
        }, that of ` +
          `${owner} ${showShape(present)}; `) +
        `recover the module that the snapshot was taken of.`,
    );
  });
}
