/**
 * Modules made of modules.
 *
 * @module
 */

import { forgetLast } from "../../tensor/late.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";
import { describe } from "../../tensor/describe.ts";
import { noteRead, noteWrite } from "../../tensor/trace.ts";
import * as activations from "./activation.ts";
import * as convolutions from "./convolution.ts";
import * as linear from "./linear.ts";
import * as normalizations from "./normalization.ts";

/**
 * Several modules that are found by number.
 *
 * @example
 * ```ts
 * import { nn } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const list = new nn.ModuleList([new nn.Linear(1, 2), new nn.Linear(2, 3)]);
 * assertEquals(list.length, 2);
 * assertEquals(list.namedParameters()[2][0], "1.weight");
 * ```
 */
export class ModuleList<T extends Module = Module> extends Module implements Iterable<T> {
  /** The modules are own properties `0`, `1`, ..., so that names are those of PyTorch. */
  [index: number]: T;

  /** Makes a list of modules. */
  constructor(modules: Iterable<T> = []) {
    super();
    if (typeof modules !== "object" || modules === null || !(Symbol.iterator in modules)) {
      throw new TypeError(`ModuleList: got ${describe(modules)}, wants an array of modules.`);
    }
    for (const module of modules) this.append(module);
  }

  /** Number of modules. */
  get length(): number {
    return noteRead(this, "length", lengthOf(this));
  }

  /** Adds a module at the end. */
  append(module: T): this {
    if (!((module as unknown) instanceof Module)) {
      throw new TypeError(`${this.constructor.name}: got ${typeof module}, wants a module.`);
    }
    noteWrite(this, "length");
    this[lengthOf(this)] = module;
    return this;
  }

  /** The modules in order. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.length; i++) yield this[i];
  }

  /** A list has no meaning of its own: call its modules. */
  override forward(): never {
    throw new TypeError(
      `${this.constructor.name}: a list of modules cannot be called; call its modules in a forward ` +
        `of your own, or use Sequential.`,
    );
  }
}

/**
 * Modules one after the other.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
 * assertEquals(net.call(zeros([4, 2])).shape, [4, 1]);
 * assertEquals(net.namedParameters().map(([name]) => name), [
 *   "0.weight",
 *   "0.bias",
 *   "2.weight",
 *   "2.bias",
 * ]);
 * ```
 */
export class Sequential extends Module implements Iterable<Module> {
  /** The modules are own properties `0`, `1`, ..., so that names are those of PyTorch. */
  [index: number]: Module;

  /** Makes a chain of modules; each gets the result of the one before. */
  constructor(...modules: Module[]) {
    super();
    for (const module of modules) this.append(module);
  }

  /** Number of modules. */
  get length(): number {
    return noteRead(this, "length", lengthOf(this));
  }

  /** Adds a module at the end. */
  append(module: Module): this {
    if (!((module as unknown) instanceof Module)) {
      throw new TypeError(`Sequential: got ${typeof module}, wants a module.`);
    }
    noteWrite(this, "length");
    this[lengthOf(this)] = module;
    return this;
  }

  /** The modules in order. */
  *[Symbol.iterator](): IterableIterator<Module> {
    for (let i = 0; i < this.length; i++) yield this[i];
  }

  /** Runs all modules, the first one first. */
  override forward(x: Tensor): Tensor {
    const length = noteRead(this, "length", lengthOf(this));
    let before = length > 0 && keepsNothing(this[0]);
    for (let i = 0; i < length; i++) {
      const y = this[i].call(x), after = i + 1 < length && keepsNothing(this[i + 1]);
      // Nobody can ask for what lies between two layers, so that no step has to store it.
      if (before && after && y !== x) forgetLast(y.rawNode);
      before = after;
      x = y;
    }
    return x;
  }
}

/**
 * The input, unchanged.
 *
 * @example
 * ```ts
 * import { nn, ones } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x = ones([2]);
 * assert(new nn.Identity().call(x) === x);
 * ```
 */
export class Identity extends Module {
  /** Returns its argument. */
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/**
 * Joins the dimensions from `startDim` (default 1) to `endDim` (default the last).
 *
 * @example
 * ```ts
 * import { nn, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.Flatten().call(ones([2, 3, 4])).shape, [2, 12]);
 * ```
 */
export class Flatten extends Module {
  /** First and last dimension that are joined. */
  constructor(readonly startDim: number = 1, readonly endDim: number = -1) {
    super();
  }

  /** Joins the dimensions. */
  override forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }
}

/** What makes the layers of this library, none of which keeps its operand or its result. */
const layers: ReadonlySet<unknown> = new Set(
  [activations, convolutions, linear, normalizations, { Identity, Flatten }]
    .flatMap((file) => Object.values<unknown>(file)),
);

/** Whether a module is a layer of this library as it is. */
function keepsNothing(module: Module): boolean {
  return layers.has(module.constructor) && !Object.hasOwn(module, "forward") &&
    !Object.hasOwn(module, "call");
}

/** Number of modules in a container. */
function lengthOf(container: Module): number {
  let n = 0;
  while (n in container) n++;
  return n;
}
