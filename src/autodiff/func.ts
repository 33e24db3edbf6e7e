/**
 * Differentiation as functions of functions, in the manner of torch.func and JAX, and modules as
 * functions of their parameters.
 *
 * @module
 */

export {
  type FuncGradOptions,
  grad,
  hvp,
  jvp,
  type TensorTree,
  valueAndGrad,
  vjp,
} from "./functional.ts";
export * from "./functional_call.ts";
export * from "./jacobian.ts";
export * from "./vmap.ts";
