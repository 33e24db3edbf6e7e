/**
 * Modules whose own parameters are learned on top of meta-parameters.
 *
 * @module
 */

import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { isModule, readSlot, setMeta, setRole, type Slot } from "./slots.ts";

/**
 * A module with meta-parameters: tensors of an outer problem that its own (inner) parameters depend
 * on.
 *
 * Tensors that require a gradient and modules in training mode that are handed to the constructor of
 * this class are *meta*: properties that hold them are left out of `parameters()`, `children()` and
 * so on, and listed by `metaParameters()` and `metaModules()` instead. A module in evaluation mode is
 * an ordinary one.
 *
 * @example
 * ```ts
 * import { nn, type Tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * class Inner extends nn.MetaGradientModule {
 *   net = new nn.Linear(2, 1);
 *   meta: nn.Linear;
 *   constructor(meta: nn.Linear) {
 *     super(meta);
 *     this.meta = meta;
 *   }
 *   forward(x: Tensor): Tensor {
 *     return this.net.call(x).add(this.meta.call(x));
 *   }
 * }
 * const inner = new Inner(new nn.Linear(2, 1));
 * assertEquals(inner.namedParameters().map(([name]) => name), ["net.weight", "net.bias"]);
 * assertEquals(inner.namedMetaParameters().map(([name]) => name), ["meta.weight", "meta.bias"]);
 * ```
 *
 * @example Registering by name
 * ```ts
 * import { nn, type Tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * class Inner extends nn.MetaGradientModule {
 *   forward = (x: Tensor) => x;
 * }
 * const inner = new Inner();
 * inner.registerMetaParameter("scale", new nn.Parameter([2]));
 * inner.registerMetaModule("meta", new nn.Linear(2, 1));
 * inner.registerModule("net", new nn.Linear(2, 1));
 * assertEquals(inner.namedMetaChildren().map(([name]) => name), ["meta"]);
 * assertEquals(inner.namedMetaModules().length, inner.metaModules().length);
 * assertEquals(inner.metaChildren().length, 1);
 * assertEquals(inner.metaParameters().length, 3);
 * assertEquals(inner.parameters().length, 2);
 * ```
 */
export abstract class MetaGradientModule extends Module {
  /** Takes meta-parameters and meta-modules, also inside arrays, maps and plain objects. */
  constructor(...meta: unknown[]) {
    super();
    const visit = (value: unknown) => {
      if (typeof value !== "object" || value === null) return;
      if (value instanceof TensorCore) {
        if (value.requiresGrad) setMeta(this, value);
      } else if (isModule(value)) {
        if ((value as Module).training) setMeta(this, value);
      } else if (Array.isArray(value) || value instanceof Map) value.forEach(visit);
      else if (Object.getPrototypeOf(value) === Object.prototype) {
        Object.values(value).forEach(visit);
      }
    };
    meta.forEach(visit);
  }

  /** Sets a property that counts as a meta-parameter. */
  registerMetaParameter(name: string, tensor: Tensor | null): void {
    (this as Record<string, unknown>)[name] = tensor;
    setRole(this, name, "meta");
  }

  /** Sets a property that counts as an ordinary sub-module. */
  registerModule(name: string, module: Module): void {
    setMeta(this, module, false);
    (this as Record<string, unknown>)[name] = module;
  }

  /** Sets a property that counts as a meta-module. */
  registerMetaModule(name: string, module: Module): void {
    setMeta(this, module);
    (this as Record<string, unknown>)[name] = module;
  }

  /** Meta-modules that this module holds itself, by name, each once. */
  namedMetaChildren(): [string, Module][] {
    const seen = new Set<unknown>();
    return this.ownEntries().flatMap(({ name, value, role }) => {
      if (!isModule(value) || role !== "meta" || seen.has(value)) return [];
      seen.add(value);
      return [[name, value as Module]];
    });
  }

  /** Meta-modules that this module holds itself. */
  metaChildren(): Module[] {
    return this.namedMetaChildren().map(([, module]) => module);
  }

  /** Meta-modules and all modules below them, by name. */
  namedMetaModules(): [string, Module][] {
    const seen = new Set<Module>();
    return this.namedMetaChildren()
      .flatMap(([prefix, module]) => module.namedModules({ prefix }))
      .filter(([, module]) => !seen.has(module) && seen.add(module));
  }

  /** Meta-modules and all modules below them. */
  metaModules(): Module[] {
    return this.namedMetaModules().map(([, module]) => module);
  }

  /** @ignore Places of the meta-parameters: own ones first, then those of the meta-modules. */
  metaSlots(): Slot[] {
    const own = this.ownEntries().filter(({ value, role }) => !isModule(value) && role === "meta");
    return [
      ...own,
      ...this.namedMetaChildren().flatMap(([prefix, module]) =>
        module.slots(["parameter"], { prefix })
      ),
    ];
  }

  /** Meta-parameters by name, each tensor once: own ones first, then those of the meta-modules. */
  namedMetaParameters(): [string, Tensor][] {
    const seen = new Set<Tensor>();
    return this.metaSlots().flatMap((slot) => {
      const tensor = readSlot(slot);
      if (seen.has(tensor)) return [];
      seen.add(tensor);
      return [[slot.name, tensor] as [string, Tensor]];
    });
  }

  /** All meta-parameters, each tensor once. */
  metaParameters(): Tensor[] {
    return this.namedMetaParameters().map(([, tensor]) => tensor);
  }
}
