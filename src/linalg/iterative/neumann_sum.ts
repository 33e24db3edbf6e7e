/**
 * The sum of a Neumann series.
 *
 * @module
 */

import type { Leaves, LinearMap } from "../../autodiff/implicit.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { foriLoop } from "../../autodiff/control_flow.ts";
import { minus, plus } from "./vectors.ts";

const times = (x: Leaves, alpha: number | null) =>
  alpha === null ? [...x] : x.map((v) => v.mul(alpha));

/** Up to so many terms stand in the graph one by one. */
const UNROLLED = 4;

/** The latest term, and the sum of all. */
type State = { readonly term: Leaves; readonly sum: Leaves };

/** The sum of `(I - alpha A)^k b` for k = 0 … `count`, times alpha. */
export function neumannSum(
  matvec: LinearMap,
  b: Leaves,
  count: number,
  alpha: number | null,
): Tensor[] {
  const next = ({ term, sum }: State): State => {
    const image = times(matvec(term), alpha), after = minus(term, image);
    return { term: after, sum: plus(sum, after) };
  };
  let state: State = { term: b, sum: b };
  if (count <= UNROLLED) { for (let k = 0; k < count; k++) state = next(state); }
  else state = foriLoop(0, count, (_, state) => next(state), state);
  return times(state.sum, alpha);
}
