/**
 * Differentiation as functions of functions, in the manner of torch.func and JAX, and modules as
 * functions of their parameters.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./autodiff/cond.ts";
export * from "./autodiff/control_flow.ts";
export * from "./autodiff/function_transforms.ts";
export * from "./nn/functional_call.ts";
export * from "./autodiff/jacobian.ts";
export * from "./autodiff/types.ts";
export * from "./autodiff/vmap.ts";
