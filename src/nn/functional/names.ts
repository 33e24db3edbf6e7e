/**
 * Names of options, which functions and layers check.
 *
 * @module
 */

import type {
  AvgPoolOptions,
  BinaryCrossEntropyOptions,
  ConvOptions,
  ConvTransposeOptions,
  CrossEntropyOptions,
  LossOptions,
  MaxPoolOptions,
  NllLossOptions,
} from "./options.ts";

/** The names of an interface of options; the type checker sees that none is left out. */
export function namesOf<O>(names: Readonly<Record<keyof Required<O>, true>>): readonly string[] {
  return Object.keys(names);
}

/** Names of `LossOptions`. */
export const LOSS = namesOf<LossOptions>({ reduction: true });
/** Names of `NllLossOptions`. */
export const NLL_LOSS = namesOf<NllLossOptions>({
  weight: true,
  ignoreIndex: true,
  reduction: true,
});
/** Names of `CrossEntropyOptions`. */
export const CROSS_ENTROPY = namesOf<CrossEntropyOptions>({
  weight: true,
  ignoreIndex: true,
  labelSmoothing: true,
  reduction: true,
});
/** Names of `BinaryCrossEntropyOptions`. */
export const BINARY_CROSS_ENTROPY = namesOf<BinaryCrossEntropyOptions>({
  weight: true,
  reduction: true,
});
/** Names of `MaxPoolOptions`. */
export const MAX_POOL = namesOf<MaxPoolOptions>({ stride: true, padding: true, dilation: true });
/** Names of `AvgPoolOptions`. */
export const AVG_POOL = namesOf<AvgPoolOptions>({
  stride: true,
  padding: true,
  countIncludePad: true,
});
/** Names of `ConvOptions`. */
export const CONV = namesOf<ConvOptions>({
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
});
/** Names of `ConvTransposeOptions`. */
export const CONV_TRANSPOSE = namesOf<ConvTransposeOptions>({
  stride: true,
  padding: true,
  outputPadding: true,
  dilation: true,
  groups: true,
});
