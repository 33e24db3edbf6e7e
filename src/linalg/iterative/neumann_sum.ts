/**
 * The sum of a Neumann series.
 *
 * @module
 */

import type { Leaves, LinearMap } from "../../autodiff/implicit.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { plus } from "./vectors.ts";

const times = (x: Leaves, alpha: number | null) =>
  alpha === null ? [...x] : x.map((v) => v.mul(alpha));

/** The sum of `(I - alpha A)^k b` for k = 0 … `count`, times alpha. */
export function neumannSum(
  matvec: LinearMap,
  b: Leaves,
  count: number,
  alpha: number | null,
): Tensor[] {
  let term: Leaves = b, sum: Leaves = b;
  for (let k = 0; k < count; k++) {
    const image = times(matvec(term), alpha);
    term = term.map((v, i) => v.sub(image[i]));
    sum = plus(sum, term);
  }
  return times(sum, alpha);
}
