/**
 * Approximations of the linear solve behind implicit gradients, to be given as `solve`.
 *
 * @module
 */

import { solveCg } from "../../linear_solve/solve_cg.ts";
import { solveInv } from "../../linear_solve/solve_inv.ts";
import { solveLu } from "../../linear_solve/solve_lu.ts";
import type { LinearSolver } from "../../linear_solve/solver.ts";
import { type PyTree, treeMap } from "../../pytree/mod.ts";
import { describe } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";

function checkTerms(
  op: string,
  name: string,
  value: unknown,
  least: number,
): asserts value is number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least) return;
  throw new RangeError(`${op}: ${name} is ${describe(value)}, wants a whole number >= ${least}.`);
}

/**
 * The exact gradient: the matrix is made and decomposed. For up to some hundred unknowns.
 *
 * @returns a solver for the option `solve`
 *
 * @example
 * ```ts
 * import { diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const u = diff.implicit.exact()((v: Tensor) => v.mul(4), tensor([2]));
 * assertEquals(u.toArray(), [0.5]);
 * ```
 */
export function exact(): LinearSolver {
  return solveLu();
}

/**
 * The gradient after `iterations` of conjugate gradients, for symmetric positive definite Jacobians such
 * as Hessians (Pedregosa, Hyperparameter optimization with approximate gradient, 2016; Rajeswaran et
 * al., Meta-learning with implicit gradients, 2019).
 *
 * @param iterations how many, from 1 on
 * @returns a solver for the option `solve`
 *
 * @example
 * ```ts
 * import { diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const u = diff.implicit.truncatedCg(1)((v: Tensor) => v.mul(4), tensor([2]));
 * assertEquals(u.toArray(), [0.5]);
 * ```
 */
export function truncatedCg(iterations: number): LinearSolver {
  checkTerms("truncatedCg", "iterations", iterations, 1);
  return solveCg({ maxiter: iterations, rtol: 0 });
}

/**
 * The gradient by the first terms of a Neumann series, where `I - alpha A` is a contraction: for a fixed
 * point with alpha 1, the backward pass through its last `terms` iterations (Lorraine et al., Optimizing
 * millions of hyperparameters by implicit differentiation, 2020).
 *
 * @param terms how many after the first, from 0 on
 * @param alpha step size (default 1)
 * @returns a solver for the option `solve`
 *
 * @example
 * ```ts
 * import { diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const u = diff.implicit.neumann(1)((v: Tensor) => v.mul(0.5), tensor([2]));
 * assertEquals(u.toArray(), [3]);
 * ```
 */
export function neumann(terms: number, alpha = 1): LinearSolver {
  checkTerms("neumann", "terms", terms, 0);
  return solveInv({ ns: true, maxiter: terms, alpha });
}

/**
 * The gradient through one step of size `lr` from the solution: the inverse is taken for `lr` times the
 * identity (T1-T2 of Luketina et al., Scalable gradient-based tuning of continuous regularization
 * hyperparameters, 2016; with lr 1 for fixed points the Jacobian-free gradient of Fung et al., 2022).
 *
 * @param lr the step size (default 1)
 * @returns a solver for the option `solve`
 *
 * @example
 * ```ts
 * import { diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(diff.implicit.oneStep(0.25)((v: Tensor) => v.mul(9), tensor([2])).toArray(), [0.5]);
 * ```
 */
export function oneStep(lr = 1): LinearSolver {
  if (!(typeof lr === "number" && Number.isFinite(lr))) {
    throw new TypeError(`oneStep: lr is ${describe(lr)}, wants a finite number.`);
  }
  return <T>(_matvec: (x: T) => T, b: T): T =>
    treeMap((x: Tensor) => x.mul(lr), b as PyTree<Tensor>) as T;
}

/**
 * The gradient with the identity in the place of the inverse: one-step with lr 1.
 *
 * @returns a solver for the option `solve`
 *
 * @example
 * ```ts
 * import { diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(diff.implicit.identity()((v: Tensor) => v.mul(9), tensor([2])).toArray(), [2]);
 * ```
 */
export function identity(): LinearSolver {
  return oneStep(1);
}
