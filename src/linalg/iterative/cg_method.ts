/**
 * The iteration of conjugate gradients.
 *
 * @module
 */

import type { Leaves } from "../../autodiff/implicit.ts";
import { tensor } from "../../tensor/creation.ts";
import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { repeat } from "./loop.ts";
import type { Method, Outcome, System } from "./solve.ts";
import { statusOf } from "./status.ts";
import { axpy, dot, zerosOf } from "./vectors.ts";

/** What an iteration hands on; `gamma` is the inner product of r and M r. */
type State = {
  readonly x: Leaves;
  readonly r: Leaves;
  readonly p: Leaves;
  readonly gamma: Tensor;
  /** Norm of r: of order 1 at first, so that squares are safe. */
  readonly rest: Tensor;
  readonly k: Tensor;
  /** Whether a division failed. */
  readonly broken: Tensor;
  /** Whether the matrix has shown that it is not positive definite. */
  readonly indefinite: Tensor;
};

function run({ matvec, precondition: M, b, tolerance, maxiter, truncated }: System): Outcome {
  const p = M(b);
  const end = repeat<State>(
    ({ rest, k, broken }) =>
      rest.gt(tolerance).logicalAnd(k.lt(maxiter)).logicalAnd(broken.logicalNot()),
    ({ x, r, p, gamma, k, broken: _, indefinite }) => {
      const Ap = matvec(p), curvature = dot(p, Ap), alpha = gamma.div(curvature);
      const fine = alpha.isFinite(), step = where(fine, alpha, 0);
      const next = axpy(r, step.neg(), Ap), z = M(next), after = dot(next, z);
      return {
        x: axpy(x, step, p),
        r: next,
        p: axpy(z, after.div(gamma), p),
        gamma: after,
        rest: dot(next, next).sqrt(),
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
      rest: dot(b, b).sqrt(),
      k: tensor(0, { dtype: "int32" }),
      broken: tensor(false),
      indefinite: tensor(false),
    },
    maxiter,
  );
  const { rest } = end;
  const status = statusOf([
    [rest.le(tolerance), "converged"],
    [truncated ? end.broken : end.broken.logicalOr(end.indefinite), "breakdown"],
    [rest.isFinite().logicalNot(), "not finite"],
  ], "maxiter");
  return { x: end.x, iterations: end.k, status };
}

/** CG as a method. */
export const conjugateGradients: Method = { symmetric: true, run };
