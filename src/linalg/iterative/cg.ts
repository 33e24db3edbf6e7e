/**
 * Conjugate gradients (Hestenes & Stiefel, Methods of conjugate gradients for solving linear systems,
 * 1952).
 *
 * @module
 */

import type { Leaves } from "../../autodiff/implicit.ts";
import { tensor } from "../../tensor/creation.ts";
import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { repeat } from "./loop.ts";
import type { LinearOperator } from "./operator.ts";
import type { IterativeOptions } from "./options.ts";
import { type Solution, statusOf } from "./solution.ts";
import { type Method, type Outcome, solveTree, type System } from "./solve.ts";
import { axpy, dot, norm, zerosOf } from "./vectors.ts";

/** What an iteration hands on; `gamma` is the inner product of r and M r. */
type State = {
  readonly x: Leaves;
  readonly r: Leaves;
  readonly p: Leaves;
  readonly gamma: Tensor;
  readonly k: Tensor;
  /** Whether a division failed. */
  readonly broken: Tensor;
  /** Whether the matrix has shown that it is not positive definite. */
  readonly indefinite: Tensor;
};

function run({ matvec, precondition: M, b, tolerance, maxiter }: System): Outcome {
  const p = M(b);
  const end = repeat<State>(
    ({ r, k, broken }) =>
      norm(r).gt(tolerance).logicalAnd(k.lt(maxiter)).logicalAnd(broken.logicalNot()),
    ({ x, r, p, gamma, k, broken: _, indefinite }) => {
      const Ap = matvec(p), curvature = dot(p, Ap), alpha = gamma.div(curvature);
      const fine = alpha.isFinite(), step = where(fine, alpha, 0);
      const next = axpy(r, step.neg(), Ap), z = M(next), after = dot(next, z);
      return {
        x: axpy(x, step, p),
        r: next,
        p: axpy(z, after.div(gamma), p),
        gamma: after,
        k: k.add(1),
        broken: fine.logicalNot(),
        indefinite: indefinite.logicalOr(curvature.le(0)),
      };
    },
    {
      x: zerosOf(b),
      r: b,
      p,
      gamma: dot(b, p),
      k: tensor(0, { dtype: "int32" }),
      broken: tensor(false),
      indefinite: tensor(false),
    },
    maxiter,
  );
  const rest = norm(end.r);
  const status = statusOf([
    [rest.le(tolerance), "converged"],
    [end.broken.logicalOr(end.indefinite), "breakdown"],
    [rest.isFinite().logicalNot(), "not finite"],
  ], "maxiter");
  return { x: end.x, iterations: end.k, status };
}

/** @ignore CG as a method. */
export const conjugateGradients: Method = { symmetric: true, run };

/**
 * Solves `A x = b` by conjugate gradients and says how good the result is: see {@linkcode cg}.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[2, 1], [1, 3]], { dtype: "float64" });
 * const b = tensor([3, 4], { dtype: "float64" });
 * assertEquals(linalg.cgSolution(A, b, null, { maxiter: 1 }).status, "maxiter");
 * ```
 */
export function cgSolution<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): Solution<T> {
  return solveTree("cgSolution", conjugateGradients, A, b, x0, options);
}

/**
 * Solves `A x = b` by conjugate gradients, for a symmetric positive definite `A`.
 *
 * @param A a matrix, a tree of matrices (one for each leaf of b), or a function of trees like b
 * @param b a tree of floating-point tensors; all leaves are one vector together
 * @param x0 where to start (default 0)
 * @param options tolerances, `maxiter`, preconditioner `M`, `ridge`, `differentiate`
 * @returns the solution, a tree like b; its derivative is that of the equation
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[2, 1], [1, 3]], { dtype: "float64" });
 * const x = linalg.cg(A, tensor([3, 4], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-12);
 * ```
 */
export function cg<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: IterativeOptions<T> = {},
): T {
  return solveTree("cg", conjugateGradients, A, b, x0, options).value;
}
