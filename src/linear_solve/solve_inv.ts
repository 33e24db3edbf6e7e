/**
 * Solving by the matrix itself.
 *
 * @module
 */

import { neumannSum } from "../linalg/iterative/neumann_sum.ts";
import { takeOperator, takeVector } from "../linalg/iterative/operator.ts";
import { checkCount, checkRidge } from "../linalg/iterative/options.ts";
import { withRidge } from "../linalg/iterative/solve.ts";
import { checkNames, checkNumber, describe } from "../tensor/describe.ts";
import { byLu, denseSolver, directSolution } from "./dense.ts";
import { linearSolver } from "./make_solver.ts";
import type { DirectSolverOptions, InformativeSolver } from "./solver.ts";

/** Options of {@linkcode solveInv}. */
export interface SolveInvOptions extends DirectSolverOptions {
  /** Whether to approximate the inverse by a Neumann series (default false). */
  readonly ns?: boolean;
  /** Number of terms of the series after the first (default 10). */
  readonly maxiter?: number | null;
  /** Step size of the series (default null: 1). */
  readonly alpha?: number | null;
}

/**
 * A solver of `A x = b` that makes the matrix of `A` (of all leaves together) and solves with it; with
 * `ns`, one that approximates the inverse by a Neumann series, without the matrix.
 *
 * @param options `ridge`, `ns`; with `ns` also `maxiter` and `alpha`, as in `linalg.ns`
 * @returns a solver `(matvec, b) => x` on trees
 *
 * @example
 * ```ts
 * import { linearSolve, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[2, 0], [0, 4]]);
 * const x = linearSolve.solveInv()((v: Tensor) => A.matmul(v), tensor([1, 1]));
 * assertEquals(x.toArray(), [0.5, 0.25]);
 * ```
 */
export function solveInv(options: SolveInvOptions = {}): InformativeSolver {
  const op = "solveInv";
  checkNames(op, options, ["ridge", "ns", "maxiter", "alpha"]);
  const { ns = false, alpha = null } = options, ridge = checkRidge(op, options.ridge);
  const maxiter = checkCount(op, "maxiter", options.maxiter);
  if (alpha !== null) checkNumber(op, "alpha", alpha);
  if (typeof ns !== "boolean") {
    throw new TypeError(`${op}: ns is ${describe(ns)}, wants true or false.`);
  }
  if (!ns && (maxiter !== null || alpha !== null)) {
    throw new TypeError(
      `${op}: maxiter and alpha belong to the Neumann series; add ns: true, or leave them out.`,
    );
  }
  if (!ns) return denseSolver(op, { ridge }, byLu);
  return linearSolver(op, (matvec, b) => {
    const rhs = takeVector(op, "b", b);
    const map = withRidge(takeOperator(op, "matvec", matvec, rhs), ridge);
    return directSolution(map, rhs, neumannSum(map, rhs.leaves, maxiter ?? 10, alpha));
  });
}
