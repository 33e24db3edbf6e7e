/**
 * The iteration of MINRES.
 *
 * @module
 */

import type { Leaves } from "../../autodiff/implicit.ts";
import { tensor } from "../../tensor/creation.ts";
import { maximum, where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { repeat } from "./loop.ts";
import type { Method, Outcome, System } from "./solve.ts";
import { statusOf } from "./status.ts";
import { axpy, divided, dot, norm, scaled, zerosOf } from "./vectors.ts";

/** What an iteration hands on, with the names of the paper. */
type State = {
  readonly x: Leaves;
  readonly w: Leaves;
  readonly wOld: Leaves;
  /** Lanczos vectors before and now, and the latter preconditioned. */
  readonly rOld: Leaves;
  readonly r: Leaves;
  readonly y: Leaves;
  readonly betaOld: Tensor;
  readonly beta: Tensor;
  readonly c: Tensor;
  readonly s: Tensor;
  readonly deltaBar: Tensor;
  readonly epsilon: Tensor;
  /** Norm of the preconditioned residual. */
  readonly phi: Tensor;
  /** Square of the norm of the tridiagonal matrix so far. */
  readonly size: Tensor;
  /** Whether the residual is as good as orthogonal to the range. */
  readonly stuck: Tensor;
  readonly broken: Tensor;
  readonly k: Tensor;
};

function run({ matvec, b, precondition: M, tolerance, maxiter }: System): Outcome {
  const y = M(b), first = dot(b, y).sqrt(), { dtype } = first;
  const zero = tensor(0, { dtype }), zeros = zerosOf(b);
  // The residual that is known is the preconditioned one.
  const goal = tolerance.mul(where(norm(b).eq(0), 1, first.div(norm(b))));
  const tiny = dtype === "float32" ? 1e-7 : 1e-15;
  const end = repeat<State>(
    ({ phi, k, stuck, broken }) =>
      phi.gt(goal).logicalAnd(k.lt(maxiter)).logicalAnd(stuck.logicalOr(broken).logicalNot()),
    (state) => {
      const { x, w, wOld, rOld, r, betaOld, beta, c, s, deltaBar, epsilon, phi, k } = state;
      const v = divided(state.y, beta), image = matvec(v);
      const back = where(k.eq(0), 0, beta.div(betaOld)), once = axpy(image, back.neg(), rOld);
      const alpha = dot(v, once), next = axpy(once, alpha.div(beta).neg(), r);
      const nextY = M(next), square = dot(next, nextY), nextBeta = maximum(square, 0).sqrt();
      const delta = c.mul(deltaBar).add(s.mul(alpha)), gammaBar = s.mul(deltaBar).sub(c.mul(alpha));
      const nextEpsilon = s.mul(nextBeta), nextDelta = c.neg().mul(nextBeta);
      const size = state.size.add(alpha.square()).add(nextBeta.square()).add(
        where(k.eq(0), 0, beta.square()),
      );
      const scale = size.sqrt(), root = gammaBar.square().add(nextDelta.square()).sqrt();
      const radius = gammaBar.square().add(nextBeta.square()).sqrt();
      const gamma = maximum(radius, where(scale.eq(0), 1, scale.mul(tiny * 1e-3)));
      const nextC = gammaBar.div(gamma), nextS = nextBeta.div(gamma);
      const direction = divided(axpy(axpy(v, epsilon.neg(), wOld), delta.neg(), w), gamma);
      const stuck = root.le(scale.mul(tiny)), broken = gamma.isFinite().logicalNot();
      const length = where(stuck.logicalOr(broken), 0, nextC.mul(phi));
      return {
        x: axpy(x, length, direction),
        w: direction,
        wOld: w,
        rOld: r,
        r: next,
        y: nextY,
        betaOld: beta,
        beta: nextBeta,
        c: nextC,
        s: nextS,
        deltaBar: nextDelta,
        epsilon: nextEpsilon,
        phi: where(stuck, phi, nextS.mul(phi)),
        size,
        stuck,
        // A negative square: the preconditioner is not positive definite.
        broken: broken.logicalOr(square.lt(square.mul(0).sub(scale.square().mul(tiny)))),
        k: k.add(1),
      };
    },
    {
      x: zeros,
      w: zeros,
      wOld: zeros,
      rOld: zeros,
      r: b,
      y,
      betaOld: zero.add(1),
      beta: first,
      c: zero.sub(1),
      s: zero,
      deltaBar: zero,
      epsilon: zero,
      phi: first,
      size: zero,
      stuck: tensor(false),
      broken: tensor(false),
      k: tensor(0, { dtype: "int32" }),
    },
    maxiter,
  );
  const status = statusOf([
    [end.phi.le(goal), "converged"],
    [first.isFinite().logicalAnd(end.broken), "breakdown"],
    [end.phi.isFinite().logicalNot(), "not finite"],
    [end.stuck, "stagnated"],
  ], "maxiter");
  return { x: scaled(zero.add(1), end.x), iterations: end.k, status };
}

/** MINRES as a method. */
export const minimalResiduals: Method = { symmetric: true, run };
