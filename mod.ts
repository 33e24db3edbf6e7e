/**
 * TorchOpt for Deno: differentiable optimizers on an autodiff graph that is built in TypeScript and
 * run by ONNX Runtime.
 *
 * @example Learning by a gradient through a gradient
 * ```ts
 * import { autograd, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * // One step of gradient descent on (x - 3)^2, as a function of its learning rate.
 * const lr = tensor(0.1, { requiresGrad: true });
 * const x = tensor(1, { requiresGrad: true });
 * const [g] = autograd.grad(x.sub(3).square(), [x], { createGraph: true });
 * const after = x.sub(lr.mul(g!)).sub(3).square();
 * const [slope] = autograd.grad(after, [lr]);
 * assertEquals(Math.round(slope!.item() * 10) / 10, -12.8);
 * ```
 *
 * @module
 */

export {
  BackendError,
  buildOps,
  type BuildOptions,
  type BuildResult,
  type Device,
  type DeviceInfo,
  devices,
  type DeviceUsage,
  type DType,
  memory,
  type MemoryStats,
  type OpsLibrary,
  OutOfMemoryError,
  shutdown,
  type TypedArray,
} from "./src/runtime/mod.ts";
export { DTypeError, GradientError, ShapeError } from "./src/graph/errors.ts";
export {
  defaultDevice,
  defaultDtype,
  setDefaultDevice,
  setDefaultDtype,
} from "./src/graph/defaults.ts";
export type { GradientHook, NestedArray, TensorLike } from "./src/tensor/core.ts";
export { Tensor } from "./src/tensor/tensor.ts";
export * from "./src/tensor/types.ts";
export * from "./src/tensor/creation.ts";
export * from "./src/tensor/functions.ts";
export { realize, realizeAsync } from "./src/tensor/realize.ts";
export { compile, type Compiled } from "./src/tensor/compile/compile.ts";
export { explain, type Explanation } from "./src/tensor/explain.ts";
export { enableGrad, isGradEnabled, noGrad } from "./src/autodiff/modes.ts";
export * as autograd from "./src/autodiff/grad.ts";
export type { BackwardOptions } from "./src/autodiff/grad.ts";
export { type ArgumentGradients, customVjp, type Saved } from "./src/autodiff/custom_vjp.ts";
export type { Gradient, WithLeaves } from "./src/autodiff/types.ts";
export { gradcheck, type GradcheckOptions } from "./src/autodiff/gradcheck.ts";
export { checkpoint } from "./src/autodiff/checkpoint.ts";
export * as func from "./src/func.ts";
export * from "./src/base.ts";
export {
  type Chain,
  chain,
  gradientTransformation,
  identity,
  type TransformationFunctions,
} from "./src/combine.ts";
export { applyUpdates, type ApplyUpdatesOptions } from "./src/update.ts";
export { clipGradNorm, type ClipGradNormOptions } from "./src/clip.ts";
export { AdamOp, type AdamOpOptions } from "./src/transform/adam_op.ts";
export type { Mask, MaskTree } from "./src/transform/masked.ts";
export { nanToNum, type NanToNumTransformOptions } from "./src/transform/nan_to_num.ts";
export * from "./src/optim/mod.ts";
export * from "./src/utils/mod.ts";
export * as transform from "./src/transform/mod.ts";
export * as schedule from "./src/schedule/mod.ts";
export * as hook from "./src/hook.ts";
export * as distributed from "./src/distributed/mod.ts";
export * as visual from "./src/visual/mod.ts";
export * as diff from "./src/diff/mod.ts";
// The same as in diff: a namespace inside of a namespace.
export * as implicit from "./src/diff/implicit/mod.ts";
export * as linalg from "./src/linalg/mod.ts";
export * as linearSolve from "./src/linear_solve/mod.ts";
export * as distributions from "./src/distributions/mod.ts";
export { LBFGS, type LBFGSOptions } from "./src/solvers/lbfgs_optimizer.ts";
export * as solvers from "./src/solvers/mod.ts";
export * as nn from "./src/nn/mod.ts";
// The same as in nn and distributed, where documentation does not reach them: a namespace inside of
// a namespace.
export * as distributedAutograd from "./src/distributed/autograd.ts";
export * as functional from "./src/nn/functional.ts";
export * as init from "./src/nn/init.ts";
export * as pytree from "./src/pytree/mod.ts";
