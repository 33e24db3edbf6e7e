/**
 * Triangular systems.
 *
 * @module
 */

import { broadcastShapes } from "../graph/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** X with L X = B for lower triangular L: [..., n, n] and [..., n, k], whose batches broadcast. */
export function solveLower(factor: Tensor, right: Tensor): Tensor {
  const shape = [
    ...broadcastShapes("MultivariateNormal", factor.shape.slice(0, -2), right.shape.slice(0, -2)),
  ];
  return factor.broadcastTo([...shape, ...factor.shape.slice(-2)])
    .solve(right.broadcastTo([...shape, ...right.shape.slice(-2)]));
}
