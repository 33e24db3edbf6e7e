/**
 * Optimizers: each as a gradient transformation, as a classic optimizer and as a differentiable one.
 *
 * @module
 */

export {
  Optimizer,
  type OptimizerParams,
  type ParamGroup,
  type ZeroGradOptions,
} from "./optimizer.ts";
export type { SavedState } from "./state_dict.ts";
export {
  FuncOptimizer,
  type FuncOptimizerOptions,
  type FuncOptimizerStepOptions,
} from "./func_optimizer.ts";
export {
  MetaOptimizer,
  type MetaOptimizerOptions,
  type MetaOptimizerState,
} from "./meta_optimizer.ts";
export { flipSignAndAddWeightDecay, type FlipSignOptions, scaleByNegLr } from "./links.ts";
export * from "./adadelta.ts";
export * from "./adagrad.ts";
export * from "./adam.ts";
export * from "./adamw.ts";
export * from "./adamax.ts";
export * from "./radam.ts";
export * from "./rmsprop.ts";
export * from "./sgd.ts";
