/**
 * Differentiation as functions of functions, in the manner of torch.func and JAX, and modules as
 * functions of their parameters.
 *
 * @module
 */

export * from "./functional.ts";
export * from "./functional_call.ts";
export * from "./vmap.ts";
