/**
 * Direct methods on the matrix of a linear map.
 *
 * @module
 */

import type { LinearMap } from "../autodiff/implicit.ts";
import { vmap } from "../autodiff/vmap.ts";
import { withGrad } from "../graph/node.ts";
import { solve } from "../linalg/dense/systems.ts";
import { takeOperator, takeVector, type Vector } from "../linalg/iterative/operator.ts";
import { checkRidge } from "../linalg/iterative/options.ts";
import { Solution } from "../linalg/iterative/solution.ts";
import { withRidge } from "../linalg/iterative/solve.ts";
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
import { checkNames } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { linearSolver } from "./make_solver.ts";
import type { DirectSolverOptions, InformativeSolver } from "./solver.ts";

/** The matrix of a linear map on vectors like `b`. */
function matrixOf(map: LinearMap, b: readonly Tensor[]): Tensor {
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

/** A solver that makes the matrix of a linear map, and solves with it. */
export function denseSolver(
  op: string,
  options: DirectSolverOptions,
  solve: (matrix: Tensor, b: Tensor) => Tensor,
): InformativeSolver {
  checkNames(op, options, ["ridge"]);
  const ridge = checkRidge(op, options.ridge);
  return linearSolver(op, (matvec, b) => {
    const rhs = takeVector(op, "b", b), { leaves } = rhs;
    const map = withRidge(takeOperator(op, "matvec", matvec, rhs), ridge);
    const empty = sizeOf(leaves) === 0;
    const x = empty ? leaves : unflat(solve(matrixOf(map, leaves), flat(leaves)), leaves);
    return directSolution(map, rhs, x);
  });
}

/** Solves by an LU decomposition; a single unknown by division. */
export function byLu(matrix: Tensor, b: Tensor): Tensor {
  return b.size === 1 ? b.div(matrix.reshape([1])) : solve(matrix, b);
}
