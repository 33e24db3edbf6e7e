/**
 * Linear maps, embeddings, dropout and attention.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { numberNode } from "../../graph/leaf.ts";
import { normalizeAxis, showShape, sizeOf } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { indexSelect } from "../../primitives/index.ts";
import { iotaAlong } from "../../primitives/iota.ts";
import { dot } from "../../primitives/matmul.ts";
import { detach, reshape } from "../../primitives/movement.ts";
import { wrap } from "../../tensor/core.ts";
import { checkOptional, checkTensor, floating, meet, pair } from "../../tensor/promotion.ts";
import type { Generator } from "../../tensor/random/philox.ts";
import { bernoulli } from "../../tensor/random/whole.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkNames } from "../../tensor/describe.ts";

/**
 * `x @ weightᵀ + bias` for `x` `[..., in]`, `weight` `[out, in]` and `bias` `[out]`.
 *
 * @throws {ShapeError} where the last dimensions differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const y = nn.functional.linear(tensor([1, 2]), tensor([[3, 4]]), tensor([5]));
 * assertEquals(y.toArray(), [16]);
 * ```
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  checkTensor("linear", "the operand", x);
  checkTensor("linear", "the weight", weight);
  checkOptional("linear", "the bias", bias);
  const [a, w] = pair(x, weight);
  const features = a.shape[a.shape.length - 1];
  if (w.shape.length !== 2 || features !== w.shape[1]) {
    throw new ShapeError(
      `linear: got input ${showShape(a.shape)} and weight ${showShape(w.shape)}, wants [..., in] ` +
        `and [out, in].`,
    );
  }
  const lead = a.shape.slice(0, -1);
  const rows = a.shape.length === 2 ? a : reshape(a, [sizeOf(lead), features]);
  let y = dot(rows, w, false, true);
  if (bias !== null && bias !== undefined) {
    if (bias.ndim !== 1 || bias.size !== w.shape[0]) {
      throw new ShapeError(
        `linear: got bias ${showShape(bias.shape)}, wants a vector of ${w.shape[0]}.`,
      );
    }
    // No handle on the product: a step would store it for whoever may hold one.
    const [product, b] = meet(y, bias.node);
    y = p.add(product, b);
  }
  return wrap(reshape(y, [...lead, w.shape[0]]));
}

/**
 * Rows of `weight` `[n, d]` chosen by `indices` of any shape: `[...indices.shape, d]`. The row
 * `paddingIdx` gets no gradient.
 *
 * @throws {DTypeError} where the indices are no int64 or int32
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * const words = tensor([2, 0], { dtype: "int64" });
 * const table = tensor([[1, 1], [2, 2], [3, 3]]);
 * assertEquals(nn.functional.embedding(words, table).toArray(), [[3, 3], [1, 1]]);
 * ```
 */
export function embedding(
  indices: Tensor,
  weight: Tensor,
  options: { paddingIdx?: number | null } = {},
): Tensor {
  checkTensor("embedding", "the indices", indices);
  checkTensor("embedding", "the weight", weight);
  checkNames("embedding", options, ["paddingIdx"]);
  let table = weight.node;
  if (table.shape.length !== 2) {
    throw new ShapeError(`embedding: got weight ${showShape(table.shape)}, wants [n, d].`);
  }
  const { paddingIdx = null } = options;
  if (paddingIdx !== null) {
    const row = normalizeAxis("embedding paddingIdx", paddingIdx, table.shape[0]);
    const rows = iotaAlong(table.shape[0], 0, 2, "int64");
    table = p.where(p.eq(rows, numberNode(row, "int64")), detach(table), table);
  }
  return wrap(indexSelect(table, 0, indices.node));
}

/** Options of `dropout`. */
export interface DropoutOptions {
  /** Probability of 0 (default 0.5). */
  p?: number;
  /** Without it the input is returned (default true). */
  training?: boolean;
  /** Source of the random numbers (default: the global one). */
  generator?: Generator;
}

/**
 * In training, each element becomes 0 with probability `p`, and the others grow by 1 / (1 - p) (N.
 * Srivastava et al., "Dropout", 2014).
 *
 * @throws {RangeError} where `p` is not in [0, 1]
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, ones } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.dropout(ones([2]), { training: false }).toArray(), [1, 1]);
 * assertEquals(nn.functional.dropout(ones([2]), { p: 1 }).toArray(), [0, 0]);
 * ```
 */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkTensor("dropout", "the operand", x);
  checkNames("dropout", options, ["p", "training", "generator"]);
  const { p: rate = 0.5, training = true, generator } = options;
  if (!(rate >= 0 && rate <= 1)) {
    throw new RangeError(`dropout: p is a probability from 0 to 1, got ${rate}.`);
  }
  if (!training || rate === 0) return x;
  const y = wrap(floating(x));
  if (rate === 1) return y.mul(0);
  const kept = bernoulli(y.shape, { p: 1 - rate, dtype: y.dtype, device: y.device, generator });
  return y.mul(kept).mul(1 / (1 - rate));
}

/** Options of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /** What is added to the scores, or (bool) where attention is allowed; broadcasts. */
  mask?: Tensor | null;
  /** Whether positions attend to earlier ones only (default false). */
  isCausal?: boolean;
  /** Factor of the scores (default: 1 / sqrt of the size of a query). */
  scale?: number;
}

/**
 * `softmax(query @ keyᵀ * scale + mask) @ value` for `query` `[..., L, E]`, `key` `[..., S, E]` and
 * `value` `[..., S, V]` (A. Vaswani et al., "Attention is all you need", 2017). Where the mask allows
 * nothing, the result is 0.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, ones } from "@torchopt/torchopt";
 *
 * const x = ones([2, 3, 4]);
 * assertEquals(nn.functional.scaledDotProductAttention(x, x, x).shape, [2, 3, 4]);
 * ```
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkTensor("scaledDotProductAttention", "the query", query);
  checkTensor("scaledDotProductAttention", "the key", key);
  checkTensor("scaledDotProductAttention", "the value", value);
  checkNames("scaledDotProductAttention", options, ["mask", "isCausal", "scale"]);
  const { mask = null, isCausal = false } = options;
  checkOptional("scaledDotProductAttention", "the mask", mask);
  const { scale = 1 / Math.sqrt(query.shape[query.ndim - 1]) } = options;
  let scores = query.matmul(key.transpose(-2, -1)).mul(scale);
  if (isCausal) {
    const [rows, columns] = scores.shape.slice(-2);
    const type = scores.dtype === "float64" ? "float64" : "float32";
    const later = p.lt(iotaAlong(rows, 0, 2, type), iotaAlong(columns, 1, 2, type));
    scores = scores.maskedFill(wrap(later), -Infinity);
  }
  if (mask === null || scores.size === 0) return scores.softmax(-1).matmul(value);
  scores = mask.dtype === "bool"
    ? scores.maskedFill(mask.logicalNot(), -Infinity)
    : scores.add(mask);
  const nothing = scores.detach().amax(-1, { keepdim: true }).eq(-Infinity);
  return scores.maskedFill(nothing, 0).softmax(-1).maskedFill(nothing, 0).matmul(value);
}
