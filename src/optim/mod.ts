/**
 * Classic optimizers and the wrapper of functional ones.
 *
 * @module
 */

export {
  Optimizer,
  type OptimizerParams,
  type ParamGroup,
  type ZeroGradOptions,
} from "./optimizer.ts";
export type { SavedState } from "./saved.ts";
export {
  FuncOptimizer,
  type FuncOptimizerOptions,
  type FuncOptimizerStepOptions,
} from "./func_optimizer.ts";
export { AdaDelta, Adadelta, type AdaDeltaOptimizerOptions } from "./adadelta.ts";
export { AdaGrad, Adagrad, type AdaGradOptimizerOptions } from "./adagrad.ts";
export { Adam, type AdamOptimizerOptions } from "./adam.ts";
export { AdamW, type AdamWOptimizerOptions } from "./adamw.ts";
export { AdaMax, Adamax, type AdaMaxOptimizerOptions } from "./adamax.ts";
export { RAdam, type RAdamOptimizerOptions } from "./radam.ts";
export { RMSProp, RMSprop, type RMSPropOptimizerOptions } from "./rmsprop.ts";
export { SGD, type SGDOptimizerOptions } from "./sgd.ts";
