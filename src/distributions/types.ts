/**
 * What distributions are made from.
 *
 * @module
 */

import type { NestedArray, TensorLike } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A parameter: a tensor, a number, or an array, which becomes a tensor. */
export type Parameter = TensorLike | NestedArray;

/** Options of distributions. */
export interface DistributionOptions {
  /** Element type, where no parameter is a tensor of floating point (default: the default dtype). */
  readonly dtype?: Tensor["dtype"];
}

/** Probabilities by name: exactly one of `probs` and `logits`. */
export interface Chances extends DistributionOptions {
  /** Probabilities. */
  readonly probs?: Parameter;
  /** Their logarithms, in the form that the distribution says. */
  readonly logits?: Parameter;
}
