/**
 * The iteration of BiCGSTAB.
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
import { axpy, dot, plus, scaled, zerosOf } from "./vectors.ts";

/** What an iteration hands on. */
type State = {
  readonly x: Leaves;
  readonly r: Leaves;
  readonly p: Leaves;
  readonly v: Leaves;
  readonly rho: Tensor;
  readonly alpha: Tensor;
  readonly omega: Tensor;
  /** Norm of r: of order 1 at first, so that squares are safe. */
  readonly rest: Tensor;
  readonly k: Tensor;
  /** Whether a division failed. */
  readonly broken: Tensor;
};

function run({ matvec, b, precondition: M, tolerance, maxiter }: System): Outcome {
  const one = dot(b, b).mul(0).add(1), zeros = zerosOf(b);
  const end = repeat<State>(
    ({ rest, k, broken }) =>
      rest.gt(tolerance).logicalAnd(k.lt(maxiter)).logicalAnd(broken.logicalNot()),
    ({ x, r, p, v, rho, alpha, omega, k }) => {
      const product = dot(b, r), beta = product.div(rho).mul(alpha.div(omega));
      const nextP = plus(r, scaled(beta, axpy(p, omega.neg(), v)));
      const y = M(nextP), nextV = matvec(y), length = product.div(dot(b, nextV));
      const a = where(length.isFinite(), length, 0), s = axpy(r, a.neg(), nextV);
      // The first half of an iteration may be enough.
      const enough = dot(s, s).sqrt().le(tolerance), z = M(s), t = matvec(z), square = dot(t, t);
      const turn = where(enough.logicalOr(square.eq(0)), 0, dot(t, s).div(square));
      const fine = length.isFinite().logicalAnd(turn.isFinite());
      const w = where(turn.isFinite(), turn, 0);
      const next = axpy(s, w.neg(), t);
      return {
        x: plus(x, plus(scaled(a, y), scaled(w, z))),
        r: next,
        rest: dot(next, next).sqrt(),
        p: nextP,
        v: nextV,
        rho: product,
        alpha: a,
        omega: w,
        k: k.add(1),
        broken: fine.logicalNot().logicalOr(enough.logicalNot().logicalAnd(turn.eq(0))),
      };
    },
    {
      x: zeros,
      r: b,
      p: zeros,
      v: zeros,
      rho: one,
      alpha: one,
      omega: one,
      rest: dot(b, b).sqrt(),
      k: tensor(0, { dtype: "int32" }),
      broken: tensor(false),
    },
    maxiter,
  );
  const { rest } = end;
  const status = statusOf([
    [rest.le(tolerance), "converged"],
    [end.broken, "breakdown"],
    [rest.isFinite().logicalNot(), "not finite"],
  ], "maxiter");
  return { x: end.x, iterations: end.k, status };
}

/** BiCGSTAB as a method. */
export const stabilizedBiconjugateGradients: Method = { symmetric: false, run };
