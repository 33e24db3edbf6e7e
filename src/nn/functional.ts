/**
 * Functions of neural networks without state: activations, losses, convolution, normalisation.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./functional/activation.ts";
export * from "./functional/convolution.ts";
export * from "./functional/cross_entropy.ts";
export * from "./functional/layer.ts";
export * from "./functional/loss.ts";
export * from "./functional/normalization.ts";
export * from "./functional/one_hot.ts";
export * from "./functional/options.ts";
export * from "./functional/pooling.ts";
