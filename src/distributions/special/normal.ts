/**
 * The standard normal distribution far into its tails.
 *
 * @module
 */

import { customVjp } from "../../autodiff/custom_vjp.ts";
import { noGrad } from "../../autodiff/modes.ts";
import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { polynomial } from "./gamma.ts";

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/** log of the density. */
export function logNormalDensity(x: Tensor): Tensor {
  return x.square().mul(-0.5).sub(HALF_LOG_2PI);
}

/** The probability of values below x. */
export function normalCdf(x: Tensor): Tensor {
  const z = x.mul(Math.SQRT1_2), near = z.abs().lt(0.5);
  // Exactly one half at 0, and accurate where it is tiny.
  return where(near, where(near, z, 0).erf().add(1), where(near, -1, z).neg().erfc()).mul(0.5);
}

/** (-1)^k (2k - 1)!!: coefficients of the asymptotic series of the tail. */
const TAIL = Array.from({ length: 13 }).reduce<number[]>(
  (all, _, k) => [...all, k === 0 ? 1 : -all[k - 1] * (2 * k - 1)],
  [],
);

/** log of the probability of values below x; in the left tail by its asymptotic series. */
export function logNormalCdf(x: Tensor): Tensor {
  const far = x.dtype === "float64" ? -14 : -10;
  const isFar = x.lt(far), isUpper = x.gt(0);
  const tail = where(isFar, x, far), near = where(isFar, far, x);
  const series = polynomial(tail.square().reciprocal(), TAIL).log();
  const inTail = logNormalDensity(tail).sub(tail.neg().log()).add(series);
  const upper = normalCdf(where(isUpper, near, 0).neg()).neg().log1p();
  const lower = normalCdf(where(isUpper, 0, near)).log();
  return where(isFar, inTail, where(isUpper, upper, lower));
}

// M. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", 1988.
const CENTER = [
  [
    3.387132872796366608,
    133.14166789178437745,
    1971.5909503065514427,
    13731.693765509461125,
    45921.953931549871457,
    67265.770927008700853,
    33430.575583588128105,
    2509.0809287301226727,
  ],
  [
    1,
    42.313330701600911252,
    687.1870074920579083,
    5394.1960214247511077,
    21213.794301586595867,
    39307.89580009271061,
    28729.085735721942674,
    5226.495278852545925,
  ],
] as const;
const MIDDLE = [
  [
    1.42343711074968357734,
    4.6303378461565452959,
    5.7694972214606914055,
    3.64784832476320460504,
    1.27045825245236838258,
    0.24178072517745061177,
    0.0227238449892691845833,
    7.7454501427834140764e-4,
  ],
  [
    1,
    2.05319162663775882187,
    1.6763848301838038494,
    0.68976733498510000455,
    0.14810397642748007459,
    0.0151986665636164571966,
    5.475938084995344946e-4,
    1.05075007164441684324e-9,
  ],
] as const;
const OUTER = [
  [
    6.6579046435011037772,
    5.4637849111641143699,
    1.7848265399172913358,
    0.29656057182850489123,
    0.026532189526576123093,
    0.0012426609473880784386,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
  ],
  [
    1,
    0.59983220655588793769,
    0.13692988092273580531,
    0.0148753612908506148525,
    7.868691311456132591e-4,
    1.8463183175100546818e-5,
    1.4215117583164458887e-7,
    2.04426310338993978564e-15,
  ],
] as const;

const ratio = (x: Tensor, [above, below]: readonly (readonly number[])[]) =>
  polynomial(x, above).div(polynomial(x, below));

/** What log of a tail's probability the outer fit is right to; beyond, it is a start for Newton. */
const FIT_END = -600;

/** x >= 0 with e^t of the probability above it, for t <= log(1/2). */
function tailPoint(t: Tensor): Tensor {
  const central = t.exp().rsub(0.5);
  const r = t.neg().sqrt();
  const fit = where(
    central.le(0.425),
    central.mul(ratio(central.square().rsub(0.180625), CENTER)),
    where(
      r.le(5),
      ratio(r.minimum(5).sub(1.6), MIDDLE),
      ratio(r.clamp(5, 26).sub(5), OUTER),
    ),
  );
  const isFar = t.lt(FIT_END), far = where(isFar, t, FIT_END);
  const twice = far.mul(-2);
  let x = twice.sub(2 * HALF_LOG_2PI).sub(twice.log()).sqrt();
  for (let i = 0; i < 3; i++) {
    const log = logNormalCdf(x.neg());
    x = x.add(log.sub(far).mul(log.sub(logNormalDensity(x)).exp()));
  }
  return where(isFar, x, fit).maskedFill(t.eq(-Infinity), Infinity);
}

/** `tailPoint` with its derivative, -e^t / density. */
const upperTailPoint = customVjp(
  (t: Tensor) => noGrad(() => tailPoint(t)),
  (g, { args: [t], output }) => [g.mul(t.sub(logNormalDensity(output)).exp()).neg()],
);

/** x with log(probability below x) = t. */
export function logNormalQuantile(t: Tensor): Tensor {
  const below = t.lt(-Math.LN2);
  const upper = upperTailPoint(where(below, -Math.LN2, log1mexp(where(below, -Math.LN2, t))));
  return where(below, upperTailPoint(where(below, t, -Math.LN2)).neg(), upper);
}

/** x with the probability p below it. */
export function normalQuantile(p: Tensor): Tensor {
  const below = p.lt(0.5);
  const upper = upperTailPoint(where(below, 0.5, p).neg().log1p());
  return where(below, upperTailPoint(where(below, p, 0.5).log()).neg(), upper);
}

/** log(1 - e^t) for t <= 0. */
export function log1mexp(t: Tensor): Tensor {
  const near = t.gt(-Math.LN2);
  const small = where(near, t, -1).expm1().neg().log(), large = where(near, -1, t).exp().neg();
  return where(near, small, large.log1p());
}
