/**
 * Neural networks.
 *
 * @module
 */

export * as functional from "./functional.ts";
export * as init from "./init.ts";
// Names one by one would be left out of the documentation of the namespace.
export * from "./functional/options.ts";
export * from "./implicit_module.ts";
export * from "./layers/activation.ts";
export * from "./layers/container.ts";
export * from "./layers/convolution.ts";
export * from "./layers/linear.ts";
export * from "./layers/normalization.ts";
export * from "./layers/options.ts";
export * from "./losses.ts";
export * from "./meta_module.ts";
export * from "./module.ts";
export * from "./parameter.ts";
export * from "./reparametrize.ts";
export * from "./zero_order_module.ts";
