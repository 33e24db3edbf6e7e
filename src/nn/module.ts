/**
 * The base class of networks and their parts.
 *
 * @module
 */

import { isDType, unobserved, withGrad } from "../graph/node.ts";
import { realizeNodes } from "../run/execute.ts";
import type { Device, DType } from "../runtime/mod.ts";
import { leafOf } from "../tensor/leaf.ts";
import { zerosLike } from "../tensor/creation.ts";
import type { SavedTensor, TensorJson } from "../tensor/serialize.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace, noteRead, noteWrite } from "../tensor/trace.ts";
import {
  entriesOf,
  type Entry,
  isModule,
  MODULE,
  readSlot,
  type Role,
  setRole,
  type Slot,
  writeSlot,
} from "./slots.ts";
import { checkBoolean, checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { guardNames } from "../tensor/guards.ts";
import { checkOptional } from "../tensor/promotion.ts";
import { entry, load } from "./loading.ts";
import { watchTensors } from "./watch.ts";

const LIST = ["recurse", "prefix"];

/** Modules that are not in training mode: a note outside, which a copy of a module can take over. */
const evaluating = new WeakSet<object>();

/** Options of listings. */
export interface ListOptions {
  /** Whether sub-modules are included (default true). */
  readonly recurse?: boolean;
  /** What names begin with (default nothing). */
  readonly prefix?: string;
}

/** What `loadStateDict` found. */
export interface LoadResult {
  /** Names of the module that the state does not have. */
  readonly missing: string[];
  /** Names of the state that the module does not have. */
  readonly unexpected: string[];
}

/**
 * A network or a part of one.
 *
 * Sub-modules, parameters and buffers are found as the object's own properties, also in arrays and
 * maps, so a class needs no registration. A tensor is a parameter if it is a {@linkcode Parameter} or
 * another leaf that requires a gradient, or if one was found in its place before (a meta-optimizer
 * puts results there). Other results of recorded operations, such as features that a module keeps,
 * are neither parameters nor, in a place of their own, buffers; any other tensor is a buffer. Names
 * join properties, indices and keys with dots. What should not be found goes to a private (`#`)
 * property; such properties are not copied by `moduleClone`.
 *
 * @example
 * ```ts
 * import { nn, type Tensor, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * class Net extends nn.Module {
 *   hidden = new nn.Linear(2, 3);
 *   out = new nn.Linear(3, 1);
 *   forward(x: Tensor): Tensor {
 *     return this.out.call(this.hidden.call(x).tanh());
 *   }
 * }
 * const net = new Net();
 * assertEquals(net.call(zeros([5, 2])).shape, [5, 1]);
 * assertEquals(net.namedParameters().map(([name]) => name), [
 *   "hidden.weight",
 *   "hidden.bias",
 *   "out.weight",
 *   "out.bias",
 * ]);
 * ```
 *
 * @example What a module lists, and what it can be given
 * ```ts
 * import { nn, tensor, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Sequential(new nn.Linear(2, 2)).append(new nn.BatchNorm1d(2));
 * assertEquals(net.namedChildren().map(([name]) => name), ["0", "1"]);
 * assertEquals(net.namedModules().map(([name]) => name), ["", "0", "1"]);
 * assertEquals(net.modules().length, 3);
 * assertEquals(net.namedBuffers().map(([name]) => name)[0], "1.runningMean");
 * assertEquals(net.buffers().length, 3);
 * net.registerBuffer("steps", tensor(0));
 * net.registerParameter("scale", new nn.Parameter([1]));
 * net.apply((module) => module.parameters().forEach((p) => nn.init.zeros_(p)));
 * assertEquals(net.train().children().every((child) => child.training), true);
 * assertEquals(net.eval().call(zeros([1, 2])).toArray(), [[0, 0]]);
 * ```
 */
export abstract class Module {
  /**
   * Whether the module is in training mode: `train()` and `eval()` switch it. A compiled function that
   * depends on it traces anew where it has changed. Setting it switches this module alone.
   */
  get training(): boolean {
    return noteRead(this, "training", !evaluating.has(this));
  }

  /** @ignore Documentation shows a getter only where its setter is hidden. */
  set training(on: boolean) {
    checkBoolean(`${this.constructor.name}.training`, on);
    noteWrite(this, "training");
    if (on) evaluating.delete(this);
    else evaluating.add(this);
  }

  /** @ignore Modules are told by it. */
  get [MODULE](): true {
    return true;
  }

  /** Computes the result; subclasses define it. */
  // deno-lint-ignore no-explicit-any
  abstract forward(...args: any[]): any;

  /** Runs `forward`. */
  call(...args: Parameters<this["forward"]>): ReturnType<this["forward"]> {
    watchTensors(this);
    if (typeof this.forward !== "function") {
      const { name } = this.constructor;
      throw new TypeError(
        `${name}: there is no forward(), which says what call() computes; write it in class ${name}.`,
      );
    }
    return this.forward(...args);
  }

  // -------------------------------------------------------------- listing

  /** @ignore Tensors and modules that this module holds itself. */
  ownEntries(): Entry[] {
    return entriesOf(this);
  }

  /** @ignore All places with tensors of some roles, also where several hold the same tensor. */
  slots(roles: readonly Role[], { recurse = true, prefix = "" }: ListOptions = {}): Slot[] {
    const found: Slot[] = [];
    const modules = recurse ? this.namedModules({ prefix }) : [[prefix, this] as [string, Module]];
    for (const [path, module] of modules) {
      for (const { name, holder, key, role, value } of module.ownEntries()) {
        if (isModule(value) || !roles.includes(role!)) continue;
        found.push({ name: joined(path, name), holder, key });
      }
    }
    return found;
  }

  /** Parameters by name, each tensor once. */
  namedParameters(options: ListOptions = {}): [string, Tensor][] {
    checkNames("namedParameters", options, LIST);
    return distinct(this.slots(["parameter"], options));
  }

  /** All parameters, each tensor once. */
  parameters(options: ListOptions = {}): Tensor[] {
    return this.namedParameters(options).map(([, tensor]) => tensor);
  }

  /** Buffers by name: tensors that are no parameters, such as running statistics. */
  namedBuffers(options: ListOptions = {}): [string, Tensor][] {
    checkNames("namedBuffers", options, LIST);
    return distinct(this.slots(["buffer", "transient"], options));
  }

  /** All buffers, each tensor once. */
  buffers(options: ListOptions = {}): Tensor[] {
    return this.namedBuffers(options).map(([, tensor]) => tensor);
  }

  /** The module's own sub-modules by name, each once. */
  namedChildren(): [string, Module][] {
    const seen = new Set<unknown>();
    return this.ownEntries().flatMap(({ name, value, role }) => {
      if (!isModule(value) || role === "meta" || seen.has(value)) return [];
      seen.add(value);
      return [[name, value as Module]];
    });
  }

  /** The module's own sub-modules, each once. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module and all below, parents first, each once; this one's name is the prefix. */
  namedModules(options: { readonly prefix?: string } = {}): [string, Module][] {
    checkNames("namedModules", options, ["prefix"]);
    const { prefix = "" } = options;
    const found: [string, Module][] = [], seen = new Set<Module>();
    const visit = (path: string, module: Module) => {
      if (seen.has(module)) return;
      seen.add(module);
      found.push([path, module]);
      for (const [name, child] of module.namedChildren()) visit(joined(path, name), child);
    };
    visit(prefix, this);
    return found;
  }

  /** This module and all below, parents first, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  // -------------------------------------------------------------- registering

  /**
   * Sets a property that counts as a buffer, even if its tensor requires a gradient. Buffers that are
   * not persistent are left out of `stateDict()`.
   */
  registerBuffer(
    name: string,
    tensor: Tensor | null,
    options: { readonly persistent?: boolean } = {},
  ): void {
    checkNames("registerBuffer", options, ["persistent"]);
    checkOptional("registerBuffer", "the buffer", tensor);
    const { persistent = true } = options;
    (this as Record<string, unknown>)[name] = tensor;
    setRole(this, name, persistent ? "buffer" : "transient");
  }

  /** Sets a property that counts as a parameter. */
  registerParameter(name: string, tensor: Tensor | null): void {
    checkOptional("registerParameter", "the parameter", tensor);
    (this as Record<string, unknown>)[name] = tensor;
    setRole(this, name, "parameter");
  }

  // -------------------------------------------------------------- switching

  /** Switches this module and all below to training mode (or, with false, to evaluation). */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Switches this module and all below to evaluation mode. */
  eval(): this {
    return this.train(false);
  }

  /** Freezes (false) or thaws all parameters. They have to be leaves to be frozen. */
  requiresGrad_(flag = true): this {
    for (const tensor of this.parameters()) tensor.requiresGrad_(flag);
    return this;
  }

  /** Forgets the gradients of all parameters, or fills them with zeros. */
  zeroGrad(options: { readonly setToNone?: boolean } = {}): void {
    checkNames("zeroGrad", options, ["setToNone"]);
    const { setToNone = true } = options;
    unobserved(() => {
      for (const tensor of this.parameters()) {
        if (setToNone) tensor.grad = null;
        else if (tensor.grad !== null) tensor.grad = zerosLike(tensor.grad);
      }
    });
  }

  /** Calls `fn` with every module, children before their parents. */
  apply(fn: (module: Module) => void): this {
    checkFunction("apply", fn);
    for (const module of this.modules().reverse()) fn(module);
    return this;
  }

  /**
   * Moves parameters and buffers to a device, or converts those of floating point to a dtype. Leaves
   * stay the same tensors, so that optimizers keep them; their gradients are forgotten.
   */
  to(target: DType | Device): this {
    const isType = isDType(target);
    const done = new Map<Tensor, Tensor>();
    for (const slot of this.slots(["parameter", "buffer", "transient"])) {
      const tensor = readSlot(slot);
      let moved = done.get(tensor);
      if (moved === undefined) {
        done.set(tensor, moved = isType && !isFloating(tensor) ? tensor : moveTo(tensor, target));
      }
      if (moved !== tensor) writeSlot(slot, moved);
    }
    return this;
  }

  // -------------------------------------------------------------- states

  /**
   * @ignore Puts other tensors in the named places, and in all that hold the same tensor as one of
   * them. Returns what puts the old ones back.
   */
  swap(op: string, tensors: Readonly<Record<string, Tensor>>): () => void {
    const slots = this.slots(["parameter", "buffer", "transient"]);
    const old = slots.map(readSlot);
    const byName = new Map(slots.map((slot, i) => [slot.name, old[i]]));
    const replaced = new Map<Tensor, Tensor>();
    for (const [name, tensor] of Object.entries(tensors)) {
      const before = byName.get(name);
      if (before === undefined) {
        throw new TypeError(
          `${op}: ${this.constructor.name} has no parameter or buffer ${name}; it has ` +
            `${[...byName.keys()].join(", ")}.`,
        );
      }
      const twin = replaced.get(before);
      if (twin !== undefined && twin !== tensor) {
        throw new TypeError(
          `${op}: ${name} shares a tensor with another name; give both the same.`,
        );
      }
      replaced.set(before, tensor);
    }
    slots.forEach((slot, i) => writeSlot(slot, replaced.get(old[i]) ?? old[i]));
    return () => slots.forEach((slot, i) => writeSlot(slot, old[i]));
  }

  /**
   * Parameters and persistent buffers by name. They are the module's own tensors and follow later
   * changes; `extractStateDict(module, { by: "deepcopy" })` makes copies.
   */
  stateDict(options: { readonly prefix?: string } = {}): Record<string, Tensor> {
    checkNames("stateDict", options, ["prefix"]);
    const { prefix = "" } = options;
    const slots = this.slots(["parameter", "buffer"], { prefix });
    return Object.fromEntries(slots.map((slot) => [slot.name, readSlot(slot)]));
  }

  /**
   * Copies the values of a state into the module, converted to its dtypes.
   *
   * @param state tensors by name, as `stateDict()` gives them, or what JSON made of it
   * @param options `strict` (default true): whether names have to agree
   * @returns names that are missing or unexpected
   * @throws {TypeError} names that do not agree, in strict mode; an entry that is no tensor
   * @throws {ShapeError} a tensor of another shape. In all cases nothing was changed.
   */
  loadStateDict(
    state: Readonly<Record<string, Tensor | SavedTensor | TensorJson>>,
    options: { readonly strict?: boolean } = {},
  ): LoadResult {
    if (typeof state !== "object" || state === null) {
      throw new TypeError(`loadStateDict: the state is ${describe(state)}, wants tensors by name.`);
    }
    checkNames("loadStateDict", options, ["strict"]);
    const { strict = true } = options;
    if ("visualContents" in state && !(state.visualContents instanceof TensorCore)) {
      throw new TypeError(
        "loadStateDict: got what extractStateDict() returned; recoverStateDict(net, state) takes it.",
      );
    }
    const slots = this.slots(["parameter", "buffer"]);
    const names = new Set(slots.map((slot) => slot.name));
    const missing = [...names].filter((name) => !Object.hasOwn(state, name));
    const unexpected = Object.keys(state).filter((name) => !names.has(name));
    if (strict && missing.length + unexpected.length > 0) {
      throw new TypeError(
        `loadStateDict: the names of the state and of ${this.constructor.name} differ` +
          (missing.length > 0 ? `; missing: ${missing.join(", ")}` : "") +
          (unexpected.length > 0 ? `; unexpected: ${unexpected.join(", ")}` : "") +
          `. Pass strict: false to load what fits.`,
      );
    }
    const present = slots.filter((slot) => !missing.includes(slot.name));
    const values = present.map((slot) => entry(slot, state[slot.name]));
    withGrad(false, () => present.forEach((slot, i) => load(slot, values[i])));
    // Read now: the tensors of the state may be updated in place later.
    if (currentTrace() === null) realizeNodes(present.map((slot) => readSlot(slot).node));
    return { missing, unexpected };
  }
}

const FREEZE = "a module is frozen by module.requiresGrad_(false), or one parameter by " +
  "module.weight.requiresGrad = false.";
guardNames("Module", Module.prototype, { requiresGrad: FREEZE, requires_grad: FREEZE });

/** Two parts of a name. */
function joined(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function distinct(slots: readonly Slot[]): [string, Tensor][] {
  const seen = new Set<Tensor>();
  return slots.flatMap((slot) => {
    const tensor = readSlot(slot);
    if (seen.has(tensor)) return [];
    seen.add(tensor);
    return [[slot.name, tensor] as [string, Tensor]];
  });
}

function isFloating(tensor: Tensor): boolean {
  return tensor.dtype.startsWith("float");
}

function moveTo(tensor: Tensor, target: DType | Device): Tensor {
  if (!tensor.isLeaf) return tensor.to(target);
  const { node } = withGrad(false, () => tensor.to(target));
  // Views stay with the former value, which another type or device cannot share.
  tensor.place = null;
  tensor.setNode(leafOf(node, tensor.requiresGrad ? { grad: null } : null));
  return tensor;
}
