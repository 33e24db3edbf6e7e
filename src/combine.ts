/**
 * Putting transformations together.
 *
 * @module
 */

import type {
  EmptyState,
  GradientTransformation,
  OptState,
  TensorTree,
  UpdateOptions,
} from "./base.ts";
import { flattenUpTo, treeFlatten, treeUnflatten } from "./pytree/mod.ts";
import type { Tensor } from "./tensor/tensor.ts";
import { describe } from "./transform/options.ts";
import { together } from "./transform/rebind.ts";

/** The two functions of a transformation. */
export interface TransformationFunctions<S = OptState> {
  /** Makes the state for a tree of parameters. */
  init(params: TensorTree): S;
  /** The transformed updates and the next state. */
  update(updates: TensorTree, state: S, options: UpdateOptions): [TensorTree, S];
}

class Transformation<S> implements GradientTransformation<S> {
  readonly #functions: TransformationFunctions<S>;

  constructor(functions: TransformationFunctions<S>) {
    this.#functions = functions;
  }

  init(params: TensorTree): S {
    return this.#functions.init(params);
  }

  update(updates: TensorTree, state: S, options: UpdateOptions = {}): [TensorTree, S] {
    return together(() => this.#functions.update(updates, state, options));
  }

  chain(next: GradientTransformation): GradientTransformation {
    return chain(this, next);
  }
}

/**
 * Makes a transformation of its two functions.
 *
 * @param functions `init` and `update`
 * @returns the transformation
 *
 * @example
 * ```ts
 * import { gradientTransformation, type Tensor, tensor } from "@torchopt/torchopt";
 * import { treeMap } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const signs = gradientTransformation({
 *   init: () => ({}),
 *   update: (updates, state) => [treeMap((g: Tensor) => g.sign(), updates), state],
 * });
 * const grads = { w: tensor([-3, 2]) };
 * const [updates] = signs.update(grads, signs.init(grads));
 * assertEquals((updates as typeof grads).w.toArray(), [-1, 1]);
 * ```
 */
export function gradientTransformation<S = OptState>(
  functions: TransformationFunctions<S>,
): GradientTransformation<S> {
  return new Transformation(functions);
}

const same: GradientTransformation<EmptyState> = new Transformation<EmptyState>({
  init: () => ({}),
  update: (updates, state) => [updates, state],
});

/**
 * The transformation that changes nothing. Chains leave it out.
 *
 * @returns always the same object
 *
 * @example
 * ```ts
 * import { identity, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const grads = [tensor([1, 2])];
 * const [updates] = identity().update(grads, identity().init(grads));
 * assert(updates === grads);
 * ```
 */
export function identity(): GradientTransformation<EmptyState> {
  return same;
}

/** Several transformations in a row; the state is the array of theirs. */
class Chained extends Transformation<OptState[]> {
  readonly parts: readonly GradientTransformation[];

  constructor(parts: readonly GradientTransformation[]) {
    super({
      init: (params) => parts.map((part) => part.init(params)),
      update: (updates, states, options) => updateAll(parts, updates, states, options),
    });
    this.parts = parts;
  }
}

function updateAll(
  parts: readonly GradientTransformation[],
  updates: TensorTree,
  states: OptState[],
  options: UpdateOptions,
): [TensorTree, OptState[]] {
  if (!Array.isArray(states) || states.length !== parts.length) {
    throw new TypeError(
      `chain: got ${describe(states)} as state, wants an array of ${parts.length}, one for each ` +
        `transformation; init(params) makes it.`,
    );
  }
  const next = parts.map((part, i) => {
    const [transformed, state] = part.update(updates, states[i], options);
    updates = transformed;
    return state;
  });
  return [updates, next.every((state, i) => state === states[i]) ? states : next];
}

function isTransformation(value: unknown): value is GradientTransformation {
  const { init, update } = (value ?? {}) as Partial<GradientTransformation>;
  return typeof init === "function" && typeof update === "function";
}

/** Throws a TypeError that names `op` unless `value` is a transformation. */
export function checkTransformation(
  op: string,
  value: unknown,
): asserts value is GradientTransformation {
  if (isTransformation(value)) return;
  throw new TypeError(
    `${op}: got ${describe(value)}, wants a gradient transformation such as sgd({ lr: 0.1 }).`,
  );
}

function chained(transformations: readonly GradientTransformation[]): GradientTransformation {
  for (const t of transformations) checkTransformation("chain", t);
  if (transformations.length === 1) return transformations[0];
  const parts = transformations.flatMap((t) => t instanceof Chained ? t.parts : [t])
    .filter((t) => t !== same);
  return parts.length === 0 ? same : new Chained(parts);
}

/** A chain that works on the flat list of leaves. */
function flat(...transformations: GradientTransformation[]): GradientTransformation {
  const inner = chained(transformations);
  return new Transformation({
    init: (params) => inner.init(treeFlatten<Tensor>(params, { noneIsLeaf: true }).leaves),
    update(updates, state, { params, inplace }) {
      const { leaves, def } = treeFlatten<Tensor | null>(updates, { noneIsLeaf: true });
      const list = params === undefined || params === null
        ? undefined
        : flattenUpTo(def, params, "chain.flat") as Tensor[];
      const [transformed, next] = inner.update(leaves, state, { params: list, inplace });
      return [treeUnflatten(def, transformed as (Tensor | null)[]), next];
    },
  });
}

/** `chain`, with `chain.flat` for the same on flat lists of leaves. */
export interface Chain {
  (...transformations: GradientTransformation[]): GradientTransformation;
  /**
   * Like `chain`, but takes trees apart once and hands lists of leaves to the transformations. Its
   * states hold lists.
   */
  flat(...transformations: GradientTransformation[]): GradientTransformation;
}

/**
 * Applies transformations one after the other.
 *
 * Chains inside of chains are flattened, and identities left out. The state is an array, one entry
 * for each transformation that is left. A single transformation is returned as it is.
 *
 * @param transformations the transformations, the first one first
 * @returns the combination; the identity for none
 * @throws {TypeError} where an argument is no transformation, or an update gets a state of another
 * number of transformations
 *
 * @example
 * ```ts
 * import { applyUpdates, chain, clipGradNorm, sgd, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const optimizer = chain(clipGradNorm(5), sgd({ lr: 1 }));
 * const params = { w: tensor([10, 10], { dtype: "float64" }) };
 * const state = optimizer.init(params);
 * const [updates] = optimizer.update({ w: tensor([30, 40], { dtype: "float64" }) }, state);
 * applyUpdates(params, updates);
 * assert(params.w.allclose(tensor([7, 6], { dtype: "float64" }))); // 10 - (3, 4)
 * ```
 */
export const chain: Chain = Object.assign(
  (...transformations: GradientTransformation[]) => chained(transformations),
  { flat },
);
