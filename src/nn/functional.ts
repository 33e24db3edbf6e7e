/**
 * Functions of neural networks without state: activations, losses, convolution, normalisation.
 *
 * @module
 */

export * from "./functional/activation.ts";
export * from "./functional/convolution.ts";
export * from "./functional/cross_entropy.ts";
export * from "./functional/layer.ts";
export * from "./functional/loss.ts";
export * from "./functional/normalization.ts";
export * from "./functional/pooling.ts";
export type { LossOptions, Reduction } from "./functional/reduction.ts";
export type { PerDimension } from "./functional/window.ts";
export { oneHot } from "../tensor/functions.ts";
