/**
 * Functional optimizers, each a chain of transformations.
 *
 * @module
 */

export { adadelta, type AdadeltaOptions } from "./adadelta.ts";
export { adagrad, type AdagradOptions } from "./adagrad.ts";
export { adam, type AdamOptions } from "./adam.ts";
export { adamw, type AdamWOptions } from "./adamw.ts";
export { adamax, type AdamaxOptions } from "./adamax.ts";
export { radam, type RadamOptions } from "./radam.ts";
export { rmsprop, type RmspropOptions } from "./rmsprop.ts";
export { sgd, type SgdOptions } from "./sgd.ts";
export { flipSignAndAddWeightDecay, type FlipSignOptions, scaleByNegLr } from "./utils.ts";
