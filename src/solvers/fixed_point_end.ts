/**
 * When fixed-point iterations end.
 *
 * @module
 */

import { statusOf } from "../linalg/iterative/status.ts";
import { maximum } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { size } from "./newton_steps.ts";
import type { FixedPointProblem, Found } from "./types.ts";

/** Whether x moves no further; y is its image. */
export function isFixed({ rtol, atol }: FixedPointProblem, x: Tensor, y: Tensor): Tensor {
  return size(y.sub(x)).le(maximum(size(x).mul(rtol), atol));
}

/** What a fixed-point iteration found: the last image, which is nearer than the last point. */
export function fixedPointEnd(
  problem: FixedPointProblem,
  x: Tensor,
  y: Tensor,
  iterations: Tensor,
): Found {
  const status = statusOf([
    [isFixed(problem, x, y), "converged"],
    [size(y).lt(Infinity).logicalNot(), "not finite"],
  ], "maxiter");
  return { x: y, iterations, residual: y.sub(x).norm(), status };
}
