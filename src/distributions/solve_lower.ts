/**
 * Triangular systems.
 *
 * @module
 */

import { broadcastShapes } from "../graph/shape.ts";
import { triangularSolve } from "../linalg/dense/systems.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** X with L X = B for lower triangular L: [..., n, n] and [..., n, k], whose batches broadcast. */
export function solveLower(factor: Tensor, right: Tensor): Tensor {
  // Repeated here: a matrix [n, k] beside a batch of n factors could be taken for their vectors.
  const batch = [
    ...broadcastShapes("MultivariateNormal", factor.shape.slice(0, -2), right.shape.slice(0, -2)),
  ];
  const full = (x: Tensor) => x.broadcastTo([...batch, ...x.shape.slice(-2)]);
  return triangularSolve(full(factor), full(right), { upper: false });
}
