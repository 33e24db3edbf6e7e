/**
 * Differentiable optimizers.
 *
 * @module
 */

export {
  MetaOptimizer,
  type MetaOptimizerOptions,
  type MetaOptimizerState,
} from "./meta_optimizer.ts";
export { MetaAdaDelta, MetaAdadelta, type MetaAdaDeltaOptions } from "./adadelta.ts";
export { MetaAdaGrad, MetaAdagrad, type MetaAdaGradOptions } from "./adagrad.ts";
export { MetaAdam, type MetaAdamOptions } from "./adam.ts";
export { MetaAdamW, type MetaAdamWOptions } from "./adamw.ts";
export { MetaAdaMax, MetaAdamax, type MetaAdaMaxOptions } from "./adamax.ts";
export { MetaRAdam, type MetaRAdamOptions } from "./radam.ts";
export { MetaRMSProp, MetaRMSprop, type MetaRMSPropOptions } from "./rmsprop.ts";
export { MetaSGD, type MetaSGDOptions } from "./sgd.ts";
