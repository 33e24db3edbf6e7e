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
import { checkNames, describe } from "./transform/options.ts";
import { noteBirth, ownedInit, ownedUpdate, writeState } from "./transform/own.ts";
import { transaction } from "./transform/transaction.ts";
import { withGrad } from "./graph/node.ts";

/** The two functions of a transformation. */
export interface TransformationFunctions<S = OptState> {
  /** Makes the state for a tree of parameters. */
  init(params: TensorTree): S;
  /** The transformed updates and the next state. */
  update(updates: TensorTree, state: S, options: UpdateOptions): [TensorTree, S];
}

const UPDATE_OPTIONS = ["params", "inplace"];

/** How the pure function that is running was called; null outside of one. */
let around: "in place" | "pure" | null = null;

/** Runs the pure function of a user. */
function within<T>(mode: typeof around, fn: () => T): T {
  const before = around;
  around = mode;
  try {
    return fn();
  } finally {
    around = before;
  }
}

class Transformation<S> implements GradientTransformation<S> {
  readonly #functions: TransformationFunctions<S>;
  readonly #own: boolean;

  /** `own` functions are written by a user, as pure ones; the others update in place themselves. */
  constructor(functions: TransformationFunctions<S>, own = false) {
    this.#functions = functions;
    this.#own = own;
  }

  init(params: TensorTree): S {
    const functions = this.#functions;
    const state = this.#own
      ? ownedInit((p) => within("pure", () => functions.init(p as TensorTree)), params)
      : functions.init(params);
    noteBirth(state);
    return state;
  }

  update<T extends TensorTree>(updates: T, state: S, options: UpdateOptions = {}): [T, S] {
    checkNames("update", options, UPDATE_OPTIONS);
    return transaction(() => {
      // Inside of a pure function a result has to be new; it is written into the state as well where
      // the function around works in place.
      const inplace = around !== "pure" && (options.inplace ?? true);
      const pure = this.#own || around !== null || !inplace;
      const result = this.#run(updates, state, options.params, inplace, pure);
      const [transformed, next] = result as [T, S];
      if (!inplace) {
        noteBirth(next);
        return [transformed, next];
      }
      const written = next === state ? state : writeState(state, next);
      return [transformed, around === null ? written : next];
    });
  }

  #run(
    updates: TensorTree,
    state: S,
    params: TensorTree | undefined,
    inplace: boolean,
    pure: boolean,
  ): [TensorTree, S] {
    const functions = this.#functions;
    if (this.#own) {
      const mode = inplace ? "in place" : "pure";
      const call = () => within(mode, () => functions.update(updates, state, { params, inplace }));
      return ownedUpdate(call, [updates, params], state, inplace && around === null);
    }
    const run = () => functions.update(updates, state, { params, inplace: inplace && !pure });
    return inplace && pure ? withGrad(false, run) : run();
  }

  chain(next: GradientTransformation<unknown>): GradientTransformation {
    return chain(this, next);
  }
}

/**
 * Makes a transformation of its two functions, written as in optax: pure functions, of which `update`
 * returns the updates and the next state. Neither has to care about `inplace`.
 *
 * What `update` returns is the next state: an update in place writes it into the state that it was
 * given, and in a compiled function the run writes it back. A state is a tree of tensors; numbers
 * may be part of it outside of `compile()`. States may be made of parameters and gradients
 * (`init: (params) => params`): they are copied.
 *
 * @param functions `init` and `update`
 * @returns the transformation
 *
 * @example A moving average of the gradients
 * ```ts
 * import { gradientTransformation, type Tensor, tensor, zerosLike } from "@torchopt/torchopt";
 * import { treeMap } from "@torchopt/torchopt/pytree";
 * import { assertEquals } from "@std/assert";
 *
 * const average = gradientTransformation({
 *   init: (params) => treeMap((p: Tensor) => zerosLike(p), params),
 *   update(updates, state) {
 *     const next = treeMap((g: Tensor, m: Tensor) => m.add(g).div(2), updates, state);
 *     return [next, next];
 *   },
 * });
 * const grads = { w: tensor([4, 8]) }, state = average.init(grads);
 * average.update(grads, state);
 * const [updates] = average.update(grads, state);
 * assertEquals(updates.w.toArray(), [3, 6]);
 * ```
 */
export function gradientTransformation<S = OptState>(
  functions: TransformationFunctions<S>,
): GradientTransformation<S> {
  checkTransformation("gradientTransformation", functions);
  return new Transformation(functions, true);
}

/** A transformation of this library, which updates its state in place itself where it is told to. */
export function builtIn<S>(functions: TransformationFunctions<S>): GradientTransformation<S> {
  return new Transformation(functions);
}

const same: GradientTransformation<EmptyState> = builtIn<EmptyState>({
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
class Chained extends Transformation<unknown[]> {
  readonly parts: readonly GradientTransformation<unknown>[];

  constructor(parts: readonly GradientTransformation<unknown>[]) {
    super({
      init: (params) => parts.map((part) => part.init(params)),
      update: (updates, states, options) => updateAll(parts, updates, states, options),
    });
    this.parts = parts;
  }
}

function updateAll(
  parts: readonly GradientTransformation<unknown>[],
  updates: TensorTree,
  states: unknown[],
  options: UpdateOptions,
): [TensorTree, unknown[]] {
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

/** Throws a TypeError that names `op` unless `value` has the functions of a transformation. */
function checkTransformation(op: string, value: unknown): void {
  const { init, update } = (value ?? {}) as Partial<GradientTransformation>;
  if (typeof init === "function" && typeof update === "function") return;
  throw new TypeError(
    `${op}: got ${describe(value)}, wants a gradient transformation such as sgd({ lr: 0.1 }).`,
  );
}

/**
 * A transformation; an object with its functions that a user made becomes one.
 *
 * @throws {TypeError} one that names `op`, where `value` is none
 */
export function asTransformation<S = OptState>(
  op: string,
  value: GradientTransformation<unknown>,
): GradientTransformation<S> {
  if (value instanceof Transformation) return value;
  checkTransformation(op, value);
  return new Transformation({
    init: (params) => value.init(params),
    update: (updates, state, options) => value.update(updates, state, options),
  }, true) as GradientTransformation<S>;
}

function chained(
  transformations: readonly GradientTransformation<unknown>[],
): GradientTransformation {
  const given = transformations.map((t) => asTransformation("chain", t));
  if (given.length === 1) return given[0];
  const parts = given.flatMap((t) => t instanceof Chained ? t.parts : [t])
    .filter((t) => t !== same);
  return parts.length === 0 ? same : new Chained(parts) as unknown as GradientTransformation;
}

/** A chain that works on the flat list of leaves. */
function flat(...transformations: GradientTransformation<unknown>[]): GradientTransformation {
  const inner = chained(transformations);
  return builtIn({
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
  (...transformations: GradientTransformation<unknown>[]): GradientTransformation;
  /**
   * Like `chain`, but takes trees apart once and hands lists of leaves to the transformations. Its
   * states hold lists.
   */
  flat(...transformations: GradientTransformation<unknown>[]): GradientTransformation;
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
  (...transformations: GradientTransformation<unknown>[]) => chained(transformations),
  { flat },
);
