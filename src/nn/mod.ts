/**
 * Neural networks.
 *
 * @module
 */

export * as functional from "./functional.ts";
export type {
  AvgPoolOptions,
  BinaryCrossEntropyOptions,
  ConvOptions,
  ConvTransposeOptions,
  CrossEntropyOptions,
  LossOptions,
  MaxPoolOptions,
  NllLossOptions,
  PerDimension,
  PoolOptions,
  Reduction,
} from "./functional.ts";
export * as init from "./init.ts";
export { Parameter, type ParameterOptions } from "./parameter.ts";
export { type ListOptions, type LoadResult, Module } from "./module.ts";
export { MetaGradientModule } from "./meta_module.ts";
export * from "./layers/activation.ts";
export * from "./layers/container.ts";
export * from "./layers/convolution.ts";
export * from "./layers/linear.ts";
export * from "./layers/normalization.ts";
export type { BiasOptions, LayerOptions } from "./layers/options.ts";
export * from "./losses.ts";
