/**
 * Linear maps and tables.
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import { embedding, linear } from "../functional.ts";
import { normal_ } from "../init.ts";
import { Module } from "../module.ts";
import { BIAS, checkSizes, LAYER, parameter, weightAndBias } from "./make.ts";
import type { BiasOptions, LayerOptions } from "./options.ts";
import { checkNames } from "../../tensor/describe.ts";

/**
 * `x @ weightᵀ + bias`, from `[..., inFeatures]` to `[..., outFeatures]`. Both start uniform in
 * ±1/sqrt(inFeatures).
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new nn.Linear(3, 2);
 * assertEquals(layer.call(zeros([5, 3])).shape, [5, 2]);
 * assertEquals(layer.weight.shape, [2, 3]);
 * ```
 */
export class Linear extends Module {
  /** Weight `[outFeatures, inFeatures]`. */
  weight: Tensor;
  /** Bias `[outFeatures]`, or null. */
  bias: Tensor | null;

  /**
   * Makes a layer with initial values.
   *
   * @param inFeatures size of the last dimension of the input
   * @param outFeatures size of the last dimension of the result
   * @param options `bias` (default true), `dtype`, `device`, `generator`
   */
  constructor(inFeatures: number, outFeatures: number, options: BiasOptions = {}) {
    super();
    checkSizes("Linear", { inFeatures, outFeatures });
    checkNames("Linear", options, BIAS);
    [this.weight, this.bias] = weightAndBias([outFeatures, inFeatures], outFeatures, options);
  }

  /** Maps `[..., inFeatures]` to `[..., outFeatures]`. */
  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/** Options of `Embedding`. */
export interface EmbeddingOptions extends LayerOptions {
  /** Row that starts at zero and gets no gradient. */
  readonly paddingIdx?: number | null;
}

/**
 * Rows of a table by number. The table starts with standard normal numbers.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const table = new nn.Embedding(10, 4);
 * assertEquals(table.call(tensor([[1, 2, 3]], { dtype: "int64" })).shape, [1, 3, 4]);
 * ```
 */
export class Embedding extends Module {
  /** The table `[numEmbeddings, embeddingDim]`. */
  weight: Tensor;
  /** Row without gradient, or null. */
  readonly paddingIdx: number | null;

  /**
   * Makes a layer with initial values.
   *
   * @param numEmbeddings number of rows
   * @param embeddingDim size of a row
   * @param options `paddingIdx`, `dtype`, `device`, `generator`
   */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    checkSizes("Embedding", { numEmbeddings, embeddingDim });
    checkNames("Embedding", options, [...LAYER, "paddingIdx"]);
    const { paddingIdx = null, generator } = options;
    if (paddingIdx !== null && !(paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings)) {
      throw new RangeError(
        `Embedding: paddingIdx is ${paddingIdx}, wants a row of ${numEmbeddings}.`,
      );
    }
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0
      ? paddingIdx + numEmbeddings
      : paddingIdx;
    this.weight = parameter(
      [numEmbeddings, embeddingDim],
      options,
      (x) => zeroRow(normal_(x, { generator }), this.paddingIdx),
    );
  }

  /** Rows for whole numbers of any shape: `[...shape, embeddingDim]`. */
  override forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight, { paddingIdx: this.paddingIdx });
  }
}

function zeroRow(x: Tensor, row: number | null): Tensor {
  if (row !== null) (x.data() as Float32Array).fill(0, row * x.shape[1], (row + 1) * x.shape[1]);
  return x;
}
