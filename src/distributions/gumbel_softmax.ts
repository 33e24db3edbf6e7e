/**
 * Differentiable samples of categories.
 *
 * @module
 */

import { checkNames, describe } from "../tensor/describe.ts";
import { oneHot } from "../tensor/functions.ts";
import { checkTensor } from "../tensor/promotion.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { SampleOptions } from "./distribution.ts";
import { openUniform } from "./draws.ts";

/** Options of `gumbelSoftmax`. */
export interface GumbelSoftmaxOptions extends SampleOptions {
  /** The temperature (default 1): samples are nearer to one category where it is lower. */
  readonly tau?: number;
  /** Whether the value is 1 for one category and 0 for the others (default false). */
  readonly hard?: boolean;
  /** The dimension of the categories (default -1). */
  readonly dim?: number;
}

/**
 * Samples of categories as weights that sum to 1, differentiable in the logits (E. Jang, S. Gu, B.
 * Poole, "Categorical reparameterization with Gumbel-softmax", 2017): the softmax of
 * (logits + Gumbel noise) / tau. With `hard` the value is the category of the largest weight, and the
 * derivative that of the weights.
 *
 * @param logits unnormalised log-probabilities
 * @param options `tau`, `hard`, `dim`, `generator`
 * @returns weights of the shape of `logits`
 * @throws {RangeError} where `tau` is not positive
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const logits = tensor([[0, -Infinity], [-Infinity, 1]]);
 * assertEquals(distributions.gumbelSoftmax(logits, { hard: true }).toArray(), [[1, 0], [0, 1]]);
 * ```
 */
export function gumbelSoftmax(logits: Tensor, options: GumbelSoftmaxOptions = {}): Tensor {
  checkNames("gumbelSoftmax", options, ["tau", "hard", "dim", "generator"]);
  checkTensor("gumbelSoftmax", "the logits", logits);
  const { tau = 1, hard = false, dim = -1 } = options;
  if (typeof tau !== "number" || !(tau > 0)) {
    throw new RangeError(`gumbelSoftmax: tau is ${describe(tau)}, wants a number > 0.`);
  }
  const noise = openUniform(logits.shape, logits, options).log().neg().log().neg();
  const soft = logits.add(noise).div(tau).softmax(dim);
  if (!hard) return soft;
  const last = soft.detach().movedim(dim, -1);
  const one = oneHot(last.argmax(-1), last.shape[last.ndim - 1]).to(soft.dtype).movedim(-1, dim);
  return one.sub(soft.detach()).add(soft);
}
