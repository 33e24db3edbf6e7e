/**
 * Options of functions of neural networks.
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";

/** What a loss returns: the mean, the sum, or the loss of each element. */
export type Reduction = "mean" | "sum" | "none";

/** Options of most losses. */
export interface LossOptions {
  /** What is returned (default `"mean"`). */
  reduction?: Reduction;
}

/** Options of `nllLoss`. */
export interface NllLossOptions extends LossOptions {
  /** Weight of each class (vector of C). */
  weight?: Tensor;
  /** Class number that does not count (default -100). */
  ignoreIndex?: number;
}

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions extends NllLossOptions {
  /** Share of the probability that is spread evenly over all classes (default 0). */
  labelSmoothing?: number;
}

/** Options of the binary cross-entropies. */
export interface BinaryCrossEntropyOptions extends LossOptions {
  /** Weight of each element; broadcasts. */
  weight?: Tensor;
}

/** One number for all spatial dimensions, or one for each. */
export type PerDimension = number | readonly number[];

/** Options of pooling. */
export interface PoolOptions {
  /** Step of the window (default: its size). */
  stride?: PerDimension;
  /** Elements added on both sides (default 0); at most half of the window. */
  padding?: PerDimension;
}

/** Options of maximum pooling. */
export interface MaxPoolOptions extends PoolOptions {
  /** Distance of the window's elements (default 1). */
  dilation?: PerDimension;
}

/** Options of average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros (default true) or is left out of the average. */
  countIncludePad?: boolean;
}

/** Options of convolutions. */
export interface ConvOptions {
  /** Step of the window (default 1). */
  stride?: PerDimension;
  /** Zeros on both sides (default 0); `"same"` keeps sizes (stride 1 only), `"valid"` is 0. */
  padding?: PerDimension | "same" | "valid";
  /** Distance of the kernel's elements (default 1). */
  dilation?: PerDimension;
  /** Number of groups that channels are split into (default 1). */
  groups?: number;
}

/** Options of transposed convolutions. */
export interface ConvTransposeOptions {
  /** Step of the window (default 1). */
  stride?: PerDimension;
  /** Elements cut off on both sides (default 0). */
  padding?: PerDimension;
  /** Elements added at the end of each dimension (default 0). */
  outputPadding?: PerDimension;
  /** Distance of the kernel's elements (default 1). */
  dilation?: PerDimension;
  /** Number of groups that channels are split into (default 1). */
  groups?: number;
}
