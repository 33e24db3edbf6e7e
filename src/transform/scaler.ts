/**
 * What the adaptive transformations have in common: moments for each leaf, and counts.
 *
 * @module
 */

import type { GradientTransformation, TensorTree, UpdateOptions } from "../base.ts";
import { builtIn } from "../combine.ts";
import { constantNode } from "../graph/leaf.ts";
import { type Node, withGrad } from "../graph/node.ts";
import { treeLeaves, treeMap, treeUnflatten } from "../pytree/mod.ts";
import type { DType } from "../runtime/mod.ts";
import { TensorCore, wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { FirstCounts, NextCounts } from "./counter.ts";
import { checkParams, filledLike } from "./moments.ts";
import { type NumberOf, sharedNumbers } from "./numbers.ts";
import { assign } from "./transaction.ts";
import { checkState, takeState, takeUpdates } from "./trees.ts";

/** How steps are counted. */
export interface CounterSpec {
  /** Name in the state. */
  readonly key: string;
  /** Value in a new state. */
  readonly start: number;
  /** Whether each leaf has a count of its own, which stays where there is no gradient. */
  readonly perLeaf: boolean;
  /** Whether the step sees the count after it was increased (default false). */
  readonly early?: boolean;
}

/** A transformation by its rule for one leaf. */
export interface ScalerSpec<C> {
  /** Name, for messages. */
  readonly name: string;
  /** Names of the moments in the state, with their first values. */
  readonly moments: Readonly<Record<string, number>>;
  /** Whether moments are made so that one can differentiate with respect to them. */
  readonly requiresGrad?: boolean;
  /** The counter, if there is one. */
  readonly counter?: CounterSpec;
  /** Coefficients; made once for all leaves of one dtype and count. */
  coefficients(number: NumberOf, dtype: DType, count: Node): C;
  /** From gradient and moments to the update and the next moments. */
  step(g: Node, moments: readonly Node[], coefficients: C): readonly Node[];
}

type ScalerState = Record<string, TensorTree>;

function initState<C>(spec: ScalerSpec<C>, params: TensorTree): ScalerState {
  checkParams(spec.name, params);
  const state: ScalerState = {};
  for (const [key, value] of Object.entries(spec.moments)) {
    state[key] = filledLike(params, value, spec.requiresGrad ?? false);
  }
  const { counter } = spec;
  if (counter === undefined) return state;
  const counts = new FirstCounts(counter.start);
  state[counter.key] = counter.perLeaf
    ? treeMap((param: Tensor) => counts.like(param), params)
    : counts.forAll(treeLeaves(params) as Tensor[]);
  return state;
}

/** Coefficients of the leaves of one update, each set made once. */
class Coefficients<C> {
  readonly #spec: ScalerSpec<C>;
  readonly #number: NumberOf;
  readonly #made: { readonly count: Node; readonly dtype: DType; readonly of: C }[] = [];

  constructor(spec: ScalerSpec<C>, number: NumberOf) {
    this.#spec = spec;
    this.#number = number;
  }

  of(dtype: DType, count: Node): C {
    // Most trees have one count and one type.
    for (const made of this.#made) if (made.count === count && made.dtype === dtype) return made.of;
    const made = { count, dtype, of: this.#spec.coefficients(this.#number, dtype, count) };
    this.#made.push(made);
    return made.of;
  }
}

function updateState<C>(
  spec: ScalerSpec<C>,
  number: NumberOf,
  updates: TensorTree,
  state: ScalerState,
  inplace: boolean,
): [TensorTree, ScalerState] {
  const { name, counter } = spec, keys = Object.keys(spec.moments);
  checkState(name, state, counter === undefined ? keys : [...keys, counter.key]);
  const taken = takeUpdates(name, updates), { leaves, def } = taken;
  const moments = keys.map((key) => takeState(name, key, taken, state[key], true));
  const counts = counter === undefined
    ? null
    : counter.perLeaf
    ? takeState(name, counter.key, taken, state[counter.key], false)
    : leaves.map(() => state[counter.key] as Tensor);

  const coefficients = new Coefficients(spec, number), nextCounts = new NextCounts();
  const results = leaves.map((leaf, i) => {
    if (leaf === null) return null;
    const g = leaf.node;
    let count = counts === null ? noCount : counts[i].node;
    if (counter?.early) count = nextCounts.of(count);
    const nodes: Node[] = [];
    for (const m of moments) nodes.push(m[i].node);
    return spec.step(g, nodes, coefficients.of(g.dtype, count));
  });

  const transformed = treeUnflatten(def, results.map((r) => r === null ? null : wrap(r[0])));
  if (inplace) {
    results.forEach((result, i) => {
      if (result !== null) moments.forEach((m, k) => assign(m[i], result[k + 1]));
      if (!counter?.perLeaf) return;
      if (result !== null) nextCounts.advance(counts![i]);
      else if (counts![i] instanceof TensorCore) nextCounts.keep(counts![i]);
    });
    if (counter?.perLeaf === false) nextCounts.advance(state[counter.key] as Tensor);
    return [transformed, state];
  }

  const next: ScalerState = {};
  keys.forEach((key, k) => {
    next[key] = treeUnflatten(
      def,
      moments[k].map((old, i) => results[i] === null ? old : kept(results[i][k + 1])),
    );
  });
  if (counter?.perLeaf) {
    next[counter.key] = treeUnflatten(
      def,
      counts!.map((old, i) => results[i] === null ? old : kept(nextCounts.of(old.node))),
    );
  } else if (counter !== undefined) {
    next[counter.key] = kept(nextCounts.of((state[counter.key] as Tensor).node));
  }
  return [transformed, next];
}

const noCount = constantNode(0, "int64");

/** A tensor of the next state; a run that passes by stores it, as the next step starts from it. */
function kept(node: Node): Tensor {
  node.keep = true;
  return wrap(node);
}

/** Makes a transformation of a rule for one leaf. */
export function scaler<C, S>(spec: ScalerSpec<C>): GradientTransformation<S> {
  // The numbers of a rule are those of its options, so that all updates share them.
  const number = sharedNumbers();
  return builtIn({
    init: (params) => initState(spec, params),
    update(updates, state: ScalerState, { inplace = true }: UpdateOptions) {
      const run = () => updateState(spec, number, updates, state, inplace);
      return inplace ? withGrad(false, run) : run();
    },
  }) as unknown as GradientTransformation<S>;
}
