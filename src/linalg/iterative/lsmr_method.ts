/**
 * The iteration of LSMR.
 *
 * @module
 */

import type { Leaves, LinearMap } from "../../autodiff/implicit.ts";
import { tensor } from "../../tensor/creation.ts";
import { maximum, where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { repeat } from "./loop.ts";
import type { Outcome } from "./solve.ts";
import { statusOf } from "./status.ts";
import { axpy, divided, norm, scaled } from "./vectors.ts";

/** A least-squares problem whose right side is of order 1 and whose start is 0. */
export interface LeastSquares {
  readonly matvec: LinearMap;
  readonly transposed: LinearMap;
  readonly b: Leaves;
  /** Norm of the gradient `A^T (b - A x)` to reach. */
  readonly tolerance: Tensor;
  readonly maxiter: number;
}

/** What an iteration hands on, with the names of the paper. */
type State = {
  readonly x: Leaves;
  readonly u: Leaves;
  readonly v: Leaves;
  readonly h: Leaves;
  readonly hBar: Leaves;
  readonly alpha: Tensor;
  readonly alphaBar: Tensor;
  readonly zetaBar: Tensor;
  readonly rho: Tensor;
  readonly rhoBar: Tensor;
  readonly c: Tensor;
  readonly s: Tensor;
  readonly k: Tensor;
  readonly broken: Tensor;
};

/** A vector of length one, and its length; zeros stay. */
function normalized(x: Leaves): [Tensor[], Tensor] {
  const length = norm(x);
  return [divided(x, where(length.eq(0), 1, length)), length];
}

/** A quotient, 0 where the divisor is 0. */
const ratio = (a: Tensor, b: Tensor) => where(b.eq(0), 0, a.div(where(b.eq(0), 1, b)));

/** The rotation that takes (a, b) to (r, 0). */
function rotation(a: Tensor, b: Tensor): [c: Tensor, s: Tensor, r: Tensor] {
  const r = a.square().add(b.square()).sqrt(), none = r.eq(0), divisor = where(none, 1, r);
  return [where(none, 1, a.div(divisor)), where(none, 0, b.div(divisor)), r];
}

/** Runs LSMR. */
export function leastSquares(problem: LeastSquares): Outcome {
  const { matvec, transposed, b, maxiter } = problem;
  const [u, beta] = normalized(b), [v, alpha] = normalized(transposed(u));
  const zetaBar = alpha.mul(beta), one = beta.mul(0).add(1), zero = beta.mul(0);
  // Rounding leaves no less of the gradient than this.
  const floor = zetaBar.mul(beta.dtype === "float32" ? 1e-6 : 1e-14);
  const tolerance = maximum(problem.tolerance, floor);
  const end = repeat<State>(
    ({ zetaBar, k, broken }) =>
      zetaBar.abs().gt(tolerance).logicalAnd(k.lt(maxiter)).logicalAnd(broken.logicalNot()),
    (state) => {
      const [u, beta] = normalized(axpy(matvec(state.v), state.alpha.neg(), state.u));
      const [v, alpha] = normalized(axpy(transposed(u), beta.neg(), state.v));
      const [c, s, rho] = rotation(state.alphaBar, beta);
      const theta = s.mul(alpha), thetaBar = state.s.mul(rho);
      const [cBar, sBar, rhoBar] = rotation(state.c.mul(rho), theta);
      const zeta = cBar.mul(state.zetaBar);
      const back = ratio(thetaBar.mul(rho), state.rho.mul(state.rhoBar));
      const hBar = axpy(state.h, back.neg(), state.hBar);
      const length = ratio(zeta, rho.mul(rhoBar));
      return {
        x: axpy(state.x, length, hBar),
        u,
        v,
        h: axpy(v, ratio(theta, rho).neg(), state.h),
        hBar,
        alpha,
        alphaBar: c.mul(alpha),
        zetaBar: sBar.neg().mul(state.zetaBar),
        rho,
        rhoBar,
        c: cBar,
        s: sBar,
        k: state.k.add(1),
        broken: length.isFinite().logicalNot().logicalOr(rhoBar.eq(0)),
      };
    },
    {
      x: scaled(zero, v),
      u,
      v,
      h: v,
      hBar: scaled(zero, v),
      alpha,
      alphaBar: alpha,
      zetaBar,
      rho: one,
      rhoBar: one,
      c: one,
      s: zero,
      k: tensor(0, { dtype: "int32" }),
      broken: tensor(false),
    },
    maxiter,
  );
  const status = statusOf([
    [end.zetaBar.abs().le(tolerance), "converged"],
    [end.zetaBar.isFinite().logicalNot(), "not finite"],
    [end.broken, "breakdown"],
  ], "maxiter");
  return { x: end.x, iterations: end.k, status };
}
