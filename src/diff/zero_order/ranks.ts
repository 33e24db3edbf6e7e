/**
 * Centred ranks: the fitness shaping of evolution strategies.
 *
 * @module
 */

import { concat } from "../../tensor/functions.ts";
import { ones, zeros } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * Ranks of values [n], from 0 to n - 1; equal values share the mean of theirs. NaN ranks like
 * `sort()` orders it. The ranks have no derivative.
 */
function ranksOf(values: Tensor): Tensor {
  const n = values.shape[0], { dtype } = values;
  const { values: sorted, indices } = values.detach().sort(0);
  // Places of equal values have a number in common, and the mean of the places.
  const rises = sorted.slice([[1]]).ne(sorted.slice([[0, -1]])).to("int64");
  const group = concat([zeros([Math.min(n, 1)], { dtype: "int64" }), rises]).cumsum(0);
  const places = ones([n], { dtype: "float64" }).cumsum(0).sub(1);
  const none = zeros([n], { dtype: "float64" });
  const sums = none.scatterAdd(0, group, places);
  const counts = none.scatterAdd(0, group, ones([n], { dtype: "float64" }));
  const means = sums.div(counts.clamp(1)).gather(0, group);
  return none.scatter(0, indices, means).to(dtype);
}

/**
 * Ranks of values [n], from -1/2 to 1/2 (T. Salimans et al., "Evolution strategies as a scalable
 * alternative to reinforcement learning", 2017). Those that are not `valid` count as the lowest and
 * are left out of the scale.
 */
export function centredRanks(values: Tensor, valid: Tensor | null): Tensor {
  const n = values.shape[0];
  const scaled = (ranks: Tensor, count: Tensor | number) =>
    ranks.div(typeof count === "number" ? Math.max(count - 1, 1) : count.sub(1).clamp(1)).sub(0.5);
  if (valid === null) {
    const ranks = n < 2 ? values.detach().mul(0).add(0.5) : scaled(ranksOf(values), n);
    // A value that is no number has no rank, and the others have none beside it.
    return ranks.maskedFill(values.isNan().any(), NaN);
  }
  const count = valid.to(values.dtype).sum();
  const ranks = ranksOf(values.maskedFill(valid.logicalNot(), -Infinity)).sub(count.rsub(n));
  return scaled(ranks, count);
}
