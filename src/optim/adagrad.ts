/**
 * The classic AdaGrad optimizer.
 *
 * @module
 */

import { adagrad, type AdagradOptions } from "../alias/adagrad.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `AdaGrad`: those of `adagrad`. */
export type AdaGradOptimizerOptions = AdagradOptions;

/**
 * AdaGrad on parameters held by the optimizer, updated in place from their `grad` (Duchi et al.,
 * Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011).
 *
 * @example
 * ```ts
 * import { AdaGrad, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new AdaGrad([w], { lr: 0.1 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class AdaGrad extends Optimizer<AdaGradOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `adagrad`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<AdaGradOptimizerOptions>,
    options: AdaGradOptimizerOptions = {},
  ) {
    const make = (own: Partial<AdaGradOptimizerOptions>) =>
      adagrad(overlay<AdaGradOptimizerOptions>("AdaGrad", options, own));
    super(params, make({}), make);
  }
}

/** AdaGrad under its other name. */
export const Adagrad: typeof AdaGrad = AdaGrad;
/** AdaGrad under its other name. */
export type Adagrad = AdaGrad;
