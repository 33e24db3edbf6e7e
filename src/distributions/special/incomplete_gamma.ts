/**
 * The incomplete gamma function, its inverse, and derivatives of both, from two integrals.
 *
 * With y = log x, the probabilities of the gamma distribution below and above x are x p(x) I, where p is
 * the density and I is the integral over w >= 0 of
 *
 *     below:  exp(-a w - x (e^-w - 1))        above:  exp(a w - x (e^w - 1)),
 *
 * which decays at once on the side of the mode that is taken, so that a Gauss rule of fixed size is exact
 * to rounding. The integral J of w times the same gives derivatives with respect to a.
 *
 * @module
 */

import { customVjp } from "../../autodiff/custom_vjp.ts";
import { noGrad } from "../../autodiff/modes.ts";
import { broadcastShapes } from "../../graph/shape.ts";
import { tensor } from "../../tensor/creation.ts";
import { maximum, minimum, where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { digamma, lgamma, stirlingRest } from "./gamma.ts";
import { normalQuantile } from "./normal.ts";

/** Points and weights of the Gauss-Legendre rule on [0, 1]. */
function gaussLegendre(n: number): { points: number[]; weights: number[] } {
  const points: number[] = [], weights: number[] = [];
  for (let i = 0; i < n; i++) {
    let x = Math.cos(Math.PI * (i + 0.75) / (n + 0.5)), slope = 1;
    for (let step = 0; step < 12; step++) {
      let [before, now] = [1, x];
      for (let k = 2; k <= n; k++) {
        [before, now] = [now, ((2 * k - 1) * x * now - (k - 1) * before) / k];
      }
      slope = n * (x * now - before) / (x * x - 1);
      x -= now / slope;
    }
    points.push((1 + x) / 2);
    weights.push(1 / ((1 - x * x) * slope * slope));
  }
  return { points, weights };
}

/**
 * For each precision a rule, where the integrands are below its rounding, and how many of Newton's steps
 * bring the first guess there.
 */
const RULES = {
  float64: { ...gaussLegendre(40), decay: 38, steps: 4 },
  float32: { ...gaussLegendre(20), decay: 18, steps: 3 },
};

const ruleOf = ({ dtype }: Tensor) => dtype === "float64" ? dtype : "float32";

/** Below this a is moved up by as much, since the lower integrand has two scales there. */
const SHIFT = 4;

interface Integrals {
  /** Whether x counts as below the mode. */
  readonly low: Tensor;
  /** The integral. */
  readonly i: Tensor;
  /** That of w times the integrand. */
  readonly j: Tensor;
}

function integrals(a: Tensor, y: Tensor): Integrals {
  const { points, weights, decay } = RULES[ruleOf(a)];
  const x = y.exp(), low = x.le(a.clamp(1)), shift = low.logicalAnd(a.lt(SHIFT));
  const up = where(shift, a.add(SHIFT), a);
  // How far the integrand reaches; the integrals do not depend on it.
  const reach = noGrad(() => {
    const safe = x.clamp(1e-30), linear = up.sub(x).abs().clamp(1e-30).reciprocal().mul(decay);
    const c = safe.reciprocal().mul(decay);
    const curved = c.square().add(c.mul(8)).sqrt().add(c).mul(0.5);
    return minimum(linear, where(low, curved, c.mul(2).sqrt())).detach();
  }).unsqueeze(-1);
  const { dtype, device } = a;
  const w = reach.mul(tensor(points, { dtype, device })),
    [A, X] = [up.unsqueeze(-1), x.unsqueeze(-1)];
  const sign = where(low, -1, tensor(1, { dtype })).unsqueeze(-1), signed = w.mul(sign);
  const e = A.mul(signed).sub(X.mul(signed.expm1())).exp().mul(
    reach.mul(tensor(weights, { dtype, device })),
  );
  let i = e.sum(-1), j = e.mul(w).sum(-1);
  for (let k = SHIFT - 1; k >= 0; k--) {
    const at = where(shift, a.add(k), 1);
    const next = x.mul(i).add(1).div(at);
    j = where(shift, x.mul(j).add(next).div(at), j);
    i = where(shift, next, i);
  }
  return { low, i, j };
}

/** log(x p(x)) at y = log x, without the cancellation that large a bring. */
function logScaledDensity(a: Tensor, y: Tensor): Tensor {
  const large = a.ge(8), b = where(large, a, 8), log = b.log();
  const d = where(large, y.sub(log), 0);
  const far = b.mul(d.sub(d.expm1())).add(log.sub(Math.log(2 * Math.PI)).mul(0.5))
    .sub(stirlingRest(b));
  return where(large, far, a.mul(y).sub(y.exp()).sub(lgamma(a)));
}

/** The probability of gamma variables of shape a (and rate 1) below e^y. */
export function gammaCdf(a: Tensor, y: Tensor): Tensor {
  const finite = y.isFinite(), at = where(finite, y, 0);
  const { low, i } = integrals(a, at);
  const side = logScaledDensity(a, at).exp().mul(i);
  const inside = where(low, side, side.rsub(1));
  return where(finite, inside, y.gt(0).to(y.dtype).add(y.mul(0).maskedFill(y.isInf(), 0)));
}

/** The derivative of y with respect to a where the probability below e^y stays. */
export function logGammaSlope(a: Tensor, y: Tensor): Tensor {
  const { low, i, j } = integrals(a, y), psi = digamma(a);
  const along = y.sub(psi);
  return where(low, j.sub(i.mul(along)), i.mul(along).add(j));
}

function quantile(a: Tensor, u: Tensor): Tensor {
  const logU = u.log(), logQ = u.neg().log1p();
  // Below: the first term of the series. Above, for small a: the leading factor of the tail.
  const least = logU.add(lgamma(a.add(1))).div(a);
  const tail = logQ.add(lgamma(a)).neg();
  const small = where(tail.gt(1), tail.clamp(1).log(), least);
  // E. Wilson, M. Hilferty, "The distribution of chi-square", 1931.
  const ninth = a.mul(9).reciprocal();
  const root = normalQuantile(u).mul(ninth.sqrt()).add(1).sub(ninth).clamp(1e-10);
  let y = where(a.ge(0.5), maximum(least, root.log().mul(3).add(a.log())), small);
  // Newton on the logarithm of the probability of one side, which is concave in y.
  for (let k = 0; k < RULES[ruleOf(a)].steps; k++) {
    const { low, i } = integrals(a, y);
    const log = logScaledDensity(a, y).add(i.log());
    y = y.add(where(low, logU.sub(log), log.sub(logQ)).mul(i).clamp(-2, 2));
  }
  return y;
}

/**
 * The logarithm y of gamma variables of shape a (and rate 1) with the probability u of smaller ones. Its
 * derivative with respect to a is that at fixed u (M. Figurnov, S. Mohamed, A. Mnih, "Implicit
 * reparameterization gradients", 2018), of every order.
 */
export function logGammaQuantile(a: Tensor, u: Tensor): Tensor {
  const known = customVjp(
    (a: Tensor) => noGrad(() => quantile(a, u)),
    (g, { args: [a], output }) => [g.mul(logGammaSlope(a, output))],
  );
  return known(a.broadcastTo([...broadcastShapes("Gamma", a.shape, u.shape)]));
}
