/**
 * What zero-order differentiation takes: sources of noise, and options.
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";

/**
 * Something that draws noise: an object with a method `sample`, such as a distribution. Zero mean and
 * unit variance in every direction make the estimates unbiased.
 */
export interface Samplable {
  /** A tensor of this shape. */
  sample(shape: readonly number[]): Tensor;
  /**
   * Optional: `count` samples at once, a tensor [count, ...shape]. Where it is missing, `sample` is
   * called for each of them.
   */
  sampleBatch?(count: number, shape: readonly number[]): Tensor;
}

/** A function that draws noise of a shape. */
export type SampleFunction = (shape: readonly number[]) => Tensor;

/** How a gradient is estimated from values; see `zeroOrder`. */
export type ZeroOrderMethod = "naive" | "forward" | "antithetic";

/** What stands in place of values before they weigh directions; a tensor [n] for a tensor [n]. */
export type Shaping = "none" | "ranks" | ((values: Tensor) => Tensor);

/** Options that `zeroOrder` and `zeroOrderAsync` share. */
export interface EstimatorOptions {
  /**
   * The estimator (default `"naive"`): `"naive"` weighs each direction z by f(x + sigma z) / sigma,
   * `"forward"` by (f(x + sigma z) - f(x)) / sigma, `"antithetic"` by
   * (f(x + sigma z) - f(x - sigma z)) / (2 sigma).
   */
  readonly method?: ZeroOrderMethod;
  /** Which arguments have a gradient (default `[0]`): a number or an array of them. */
  readonly argnums?: number | readonly number[];
  /** Number of directions whose mean is taken (default 1). */
  readonly numSamples?: number;
  /** How far the arguments are moved along the noise (default 1). */
  readonly sigma?: number;
  /**
   * Directions that are perpendicular to each other, in groups of at most as many as there are numbers
   * to differentiate, with the lengths that were drawn (default false).
   */
  readonly orthogonal?: boolean;
  /**
   * Each second direction is the one before, reversed (default false). Needs an even `numSamples`, and
   * another method than `"antithetic"`, which does so itself.
   */
  readonly mirrored?: boolean;
  /**
   * What is subtracted from the values of method `"naive"`: `"mean"` is the mean of the other samples,
   * which keeps the estimate unbiased (default `"none"`).
   */
  readonly baseline?: "none" | "mean";
  /**
   * What takes the place of the values (default `"none"`): `"ranks"` are centred ranks from -1/2 to
   * 1/2, equal ones for equal values, so that neither scale nor outliers count; or a function of all
   * values. Not with method `"forward"`.
   */
  readonly shaping?: Shaping;
  /**
   * Samples with a value that is not finite: `"propagate"` makes the gradient NaN or infinite too
   * (default), `"skip"` takes the mean without them.
   */
  readonly nonFinite?: "propagate" | "skip";
}

/** Options of `zeroOrder`. */
export interface ZeroOrderOptions extends EstimatorOptions {
  /**
   * Whether both values of a difference see the same random numbers of the default generator, so that
   * what the function draws cancels (default false). Needs method `"forward"` or `"antithetic"`.
   */
  readonly commonRandomNumbers?: boolean;
  /**
   * How samples are evaluated: `"batch"` in one graph by `func.vmap`, `"loop"` one after another, for
   * functions that read values; `"auto"` (default) tries the former first.
   */
  readonly evaluation?: "auto" | "batch" | "loop";
}

/** Options of `zeroOrderAsync`. */
export interface ZeroOrderAsyncOptions extends EstimatorOptions {
  /** The most calls that are under way at a time (default 8). */
  readonly concurrency?: number;
}
