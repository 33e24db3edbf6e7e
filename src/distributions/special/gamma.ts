/**
 * The logarithm of the gamma function and its derivative, of positive numbers.
 *
 * @module
 */

import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The negative derivative of the gamma function at 1. */
export const EULER = 0.5772156649015329;

/** From here on Stirling's series is exact to rounding. */
const FAR = 8;

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/** B(2k) / (2k (2k - 1)), from k = 1 on. */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];

/** B(2k) / 2k, from k = 1 on. */
const DIGAMMA = STIRLING.map((c, i) => c * (2 * i + 1));

/** A polynomial; the coefficient of the constant comes first. */
export function polynomial(x: Tensor, coefficients: readonly number[]): Tensor {
  return coefficients.slice(0, -1).reduceRight<Tensor>(
    (sum, c) => sum.mul(x).add(c),
    x.mul(0).add(coefficients[coefficients.length - 1]),
  );
}

/** What log gamma exceeds (x - 1/2) log x - x + log(2 pi) / 2 by, for x >= 8. */
export function stirlingRest(x: Tensor): Tensor {
  const r = x.reciprocal();
  return polynomial(r.square(), STIRLING).mul(r);
}

/** The argument moved up to where the series holds, and where it was below. */
function shifted(x: Tensor): { far: Tensor; near: Tensor; low: Tensor } {
  const low = x.lt(FAR);
  return { far: where(low, x.add(FAR), x), near: where(low, x, 1), low };
}

/** log gamma(x) for x >= 0. */
export function lgamma(x: Tensor): Tensor {
  const { far, near, low } = shifted(x);
  const series = far.sub(0.5).mul(far.log()).sub(far).add(HALF_LOG_2PI).add(stirlingRest(far));
  let product = near;
  for (let k = 1; k < FAR; k++) product = product.mul(near.add(k));
  return series.sub(where(low, product.log(), 0));
}

/** The derivative of log gamma at x > 0. */
export function digamma(x: Tensor): Tensor {
  const { far, near, low } = shifted(x);
  const r = far.reciprocal(), square = r.square();
  const series = far.log().sub(r.mul(0.5)).sub(polynomial(square, DIGAMMA).mul(square));
  let sum = near.reciprocal();
  for (let k = 1; k < FAR; k++) sum = sum.add(near.add(k).reciprocal());
  return series.sub(where(low, sum, 0));
}

/** log of the beta function: lgamma(a) + lgamma(b) - lgamma(a + b). */
export function lbeta(a: Tensor, b: Tensor): Tensor {
  return lgamma(a).add(lgamma(b)).sub(lgamma(a.add(b)));
}
