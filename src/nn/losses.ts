/**
 * Losses as modules; each holds its options.
 *
 * @module
 */

import {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  type CrossEntropyOptions,
  huberLoss,
  l1Loss,
  type LossOptions,
  mseLoss,
  nllLoss,
  type NllLossOptions,
  smoothL1Loss,
} from "./functional.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";
import { BINARY_CROSS_ENTROPY, CROSS_ENTROPY, LOSS, NLL_LOSS } from "./functional/names.ts";
import { checkNames } from "../tensor/describe.ts";

/**
 * Squared differences; their mean by default.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.MSELoss().call(tensor([1, 3]), tensor([0, 0])).item(), 5);
 * ```
 */
export class MSELoss extends Module {
  /** `reduction` (default "mean"). */
  constructor(readonly options: LossOptions = {}) {
    super();
    checkNames("MSELoss", options, LOSS);
  }

  /** The loss of a prediction and a target of the same shape. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/**
 * Absolute differences; their mean by default.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.L1Loss().call(tensor([1, -3]), tensor([0, 0])).item(), 2);
 * ```
 */
export class L1Loss extends Module {
  /** `reduction` (default "mean"). */
  constructor(readonly options: LossOptions = {}) {
    super();
    checkNames("L1Loss", options, LOSS);
  }

  /** The loss of a prediction and a target of the same shape. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/**
 * Squared below `beta` (default 1), absolute above; the mean by default.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.SmoothL1Loss().call(tensor([3]), tensor([0])).item(), 2.5);
 * ```
 */
export class SmoothL1Loss extends Module {
  /** `beta` (default 1) and `reduction` (default "mean"). */
  constructor(readonly options: LossOptions & { readonly beta?: number } = {}) {
    super();
    checkNames("SmoothL1Loss", options, [...LOSS, "beta"]);
  }

  /** The loss of a prediction and a target of the same shape. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

/**
 * Squared differences (halved) up to `delta` (default 1), `delta` times magnitudes above (P. J. Huber,
 * 1964); their mean by default.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.HuberLoss({ delta: 2 }).call(tensor([4]), tensor([0])).item(), 6);
 * ```
 */
export class HuberLoss extends Module {
  /** `delta` (default 1) and `reduction` (default "mean"). */
  constructor(readonly options: LossOptions & { readonly delta?: number } = {}) {
    super();
    checkNames("HuberLoss", options, [...LOSS, "delta"]);
  }

  /** The loss of a prediction and a target of the same shape. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}

/** Makes the weights among the options buffers: they move with the module, and are saved with it. */
function holdWeights(module: Module, options: { weight?: unknown; posWeight?: unknown }): void {
  for (const name of ["weight", "posWeight"] as const) {
    const weight = options[name];
    if (weight instanceof TensorCore) module.registerBuffer(name, weight as Tensor);
  }
}

/** Options with the weights that are buffers now. */
function heldWeights<O>(module: Module, options: O): O {
  return { ...options, ...Object.fromEntries(module.namedBuffers()) };
}

/**
 * Cross-entropy of scores `[N, C, ...]` and class numbers or probabilities.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const loss = new nn.CrossEntropyLoss().call(tensor([[0, 0]]), tensor([1], { dtype: "int64" }));
 * assertAlmostEquals(loss.item(), Math.LN2, 1e-6);
 * ```
 */
export class CrossEntropyLoss extends Module {
  /** `weight`, `ignoreIndex`, `labelSmoothing` and `reduction`. */
  constructor(readonly options: CrossEntropyOptions = {}) {
    super();
    checkNames("CrossEntropyLoss", options, CROSS_ENTROPY);
    holdWeights(this, options);
  }

  /** The loss of scores and classes. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, heldWeights(this, this.options));
  }
}

/**
 * Negative log-likelihood of logarithms of probabilities `[N, C, ...]` and class numbers.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = new nn.NLLLoss().call(tensor([[-1, -2]]), tensor([1], { dtype: "int64" }));
 * assertEquals(loss.item(), 2);
 * ```
 */
export class NLLLoss extends Module {
  /** `weight`, `ignoreIndex` and `reduction`. */
  constructor(readonly options: NllLossOptions = {}) {
    super();
    checkNames("NLLLoss", options, NLL_LOSS);
    holdWeights(this, options);
  }

  /** The loss of logarithms of probabilities and classes. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, heldWeights(this, this.options));
  }
}

/**
 * Cross-entropy of probabilities and targets in [0, 1].
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const loss = new nn.BCELoss().call(tensor([0.5]), tensor([1]));
 * assertAlmostEquals(loss.item(), Math.LN2, 1e-6);
 * ```
 */
export class BCELoss extends Module {
  /** `weight` and `reduction`. */
  constructor(readonly options: BinaryCrossEntropyOptions = {}) {
    super();
    checkNames("BCELoss", options, BINARY_CROSS_ENTROPY);
    holdWeights(this, options);
  }

  /** The loss of probabilities and targets of the same shape. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, heldWeights(this, this.options));
  }
}

/**
 * Cross-entropy of the sigmoid of scores and targets in [0, 1].
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.BCEWithLogitsLoss().call(tensor([1000]), tensor([0])).item(), 1000);
 * ```
 */
export class BCEWithLogitsLoss extends Module {
  /** `weight`, `posWeight` and `reduction`. */
  constructor(
    readonly options: BinaryCrossEntropyOptions & { readonly posWeight?: Tensor } = {},
  ) {
    super();
    checkNames("BCEWithLogitsLoss", options, [...BINARY_CROSS_ENTROPY, "posWeight"]);
    holdWeights(this, options);
  }

  /** The loss of scores and targets of the same shape. */
  override forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(input, target, heldWeights(this, this.options));
  }
}
