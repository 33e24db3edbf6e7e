/**
 * Differentiation as functions of functions, in the manner of torch.func and JAX, and modules as
 * functions of their parameters.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./functional.ts";
export * from "./functional_call.ts";
export * from "./jacobian.ts";
export * from "./types.ts";
export * from "./vmap.ts";
