/**
 * The classic SGD optimizer.
 *
 * @module
 */

import { sgd, type SgdOptions } from "../alias/sgd.ts";
import { Optimizer, type OptimizerParams } from "./optimizer.ts";
import { overlay } from "../transform/options.ts";

/** Options of `SGD`: those of `sgd` without `momentRequiresGrad`. */
export type SGDOptimizerOptions = Omit<SgdOptions, "momentRequiresGrad">;

/**
 * Stochastic gradient descent on parameters held by the optimizer, updated in place from their
 * `grad` (Sutskever et al., On the importance of initialization and momentum in deep learning,
 * 2013).
 *
 * @example
 * ```ts
 * import { SGD, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = tensor([3, -4], { requiresGrad: true });
 * const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   w.square().sum().backward();
 *   optimizer.step();
 * }
 * assert(w.square().sum().item() < 25);
 * ```
 */
export class SGD extends Optimizer<SGDOptimizerOptions> {
  /**
   * Makes the optimizer and its state.
   *
   * @param params tensors, or groups `{ params, ...options }` with options of their own
   * @param options those of `sgd`
   * @throws {RangeError} an option out of its range
   * @throws {TypeError} where a parameter is no floating-point leaf tensor, or comes twice, or an
   * option does not exist
   */
  constructor(
    params: OptimizerParams<SGDOptimizerOptions>,
    options: SGDOptimizerOptions,
  ) {
    const make = (own: Partial<SGDOptimizerOptions>) =>
      sgd(overlay<SGDOptimizerOptions>("SGD", options, own));
    super(params, make({}), make);
  }
}
