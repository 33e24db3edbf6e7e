/**
 * What an optimizer is: a pure function on trees of updates, with a state.
 *
 * @module
 */

import type { PyTree } from "./pytree/mod.ts";
import type { Tensor } from "./tensor/tensor.ts";

/** A tree of tensors. */
export type TensorTree = PyTree<Tensor>;

/** State of a transformation: a tree of tensors, whatever its exact type. */
export type OptState = TensorTree;

/** State of a transformation that remembers nothing. */
export type EmptyState = Record<string, never>;

/** A number that depends on the step: gets the count of steps taken before, a 0-d float64 tensor. */
export type Schedule = (count: Tensor) => Tensor | number;

/** A learning rate: a number, a schedule, or a 0-d tensor (which can be differentiated). */
export type ScalarOrSchedule = number | Tensor | Schedule;

/** Options of one update. */
export interface UpdateOptions {
  /** The parameters, where the transformation wants them (weight decay does). */
  readonly params?: TensorTree;
  /**
   * Whether the state is updated in place, without recording for differentiation (default true).
   * With false nothing is changed, and the results can be differentiated with respect to updates,
   * state, parameters and a tensor learning rate.
   */
  readonly inplace?: boolean;
}

/**
 * A gradient transformation: `init` makes a state for parameters, `update` turns gradients into
 * updates that {@linkcode applyUpdates} adds to the parameters.
 *
 * A leaf of the updates may be null, where a parameter has no gradient: it stays null, and its part
 * of the state stays as it is.
 */
export interface GradientTransformation<S = OptState> {
  /** Makes the state for a tree of parameters. */
  init(params: TensorTree): S;
  /**
   * The transformed updates, in the structure of those given, and the next state. In place that is
   * written into the given one and is the same object, wherever that can hold it: a state that is a
   * mere number, not a tree with tensors, has to be taken from here.
   */
  update<T extends TensorTree>(updates: T, state: S, options?: UpdateOptions): [T, S];
  /** This transformation followed by another. */
  chain(next: GradientTransformation<unknown>): GradientTransformation;
}
