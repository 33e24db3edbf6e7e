/**
 * Direct methods on the matrix of a linear map.
 *
 * @module
 */

import type { LinearMap } from "../autodiff/implicit.ts";
import { vmap } from "../autodiff/vmap.ts";
import { withGrad } from "../graph/node.ts";
import type { Vector } from "../linalg/iterative/operator.ts";
import { Solution } from "../linalg/iterative/solution.ts";
import { statusOf } from "../linalg/iterative/status.ts";
import {
  flat,
  minus,
  norm,
  onFlat,
  scalarType,
  sizeOf,
  unflat,
} from "../linalg/iterative/vectors.ts";
import { treeUnflatten } from "../pytree/mod.ts";
import { eye, tensor } from "../tensor/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The matrix of a linear map on vectors like `b`. */
export function matrixOf(map: LinearMap, b: readonly Tensor[]): Tensor {
  const n = sizeOf(b), columns = vmap(onFlat(map, b), { outAxes: 1 });
  return columns(eye(n, { dtype: scalarType(b) }));
}

/** The result of a direct method, whose status is told from its residual. */
export function directSolution<T>(
  matvec: LinearMap,
  { leaves, def }: Vector,
  x: readonly Tensor[],
): Solution<T> {
  const residual = withGrad(false, () => norm(minus(leaves, matvec(x))));
  const status = statusOf([[residual.isFinite(), "converged"]], "not finite");
  const iterations = tensor(0, { dtype: "int32" });
  return new Solution(treeUnflatten(def, x) as T, { iterations, residual, status });
}

/** Solves with the matrix of a linear map. */
export function solveDense(map: LinearMap, b: readonly Tensor[]): Tensor[] {
  const n = sizeOf(b);
  if (n === 0) return [...b];
  const matrix = matrixOf(map, b);
  if (n === 1) return unflat(flat(b).div(matrix.reshape([1])), b);
  return unflat(matrix.solve(flat(b)), b);
}
