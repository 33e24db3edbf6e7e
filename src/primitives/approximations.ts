/**
 * Elementary functions as graphs of simpler ones, for the types that ONNX Runtime has no kernel for.
 * They are accurate to a few units in the last place of float64 and serve float32 as well.
 *
 * Only lowering uses them: derivatives are taken of the primitive itself, so the branches that
 * `where` throws away may overflow without harm.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import {
  abs,
  add,
  atan as atanNode,
  div,
  eq,
  exp,
  log,
  logicalOr,
  lt,
  mul,
  neg,
  num,
  reciprocal,
  sqrt,
  square,
  sub,
  where,
} from "./elementwise.ts";

/** Horner's rule; the coefficient of the highest power comes first. */
export function polynomial(x: Node, coefficients: readonly number[]): Node {
  let y = num(coefficients[0], x);
  for (const c of coefficients.slice(1)) y = add(mul(y, x), num(c, x));
  return y;
}

/** `magnitude`, which is 0 where `x` is, with the sign of `x`; for odd functions. */
export function withSignOf(x: Node, magnitude: Node): Node {
  const zero = num(0, x);
  return where(eq(x, zero), x, where(lt(x, zero), neg(magnitude), magnitude));
}

/** 1 / (1 + e ** -x), by an exponential that neither overflows nor cancels. */
export function sigmoid(x: Node): Node {
  const e = exp(neg(abs(x))), one = num(1, x);
  return div(where(lt(x, num(0, x)), e, one), add(e, one));
}

/**
 * tanh x in float32, for devices whose own is none near 0: a rational function there (after Cephes'
 * `tanhf`), an exponential elsewhere.
 */
export function tanh(x: Node): Node {
  const z = square(x), one = num(1, x);
  const near = polynomial(z, [
    -5.70498872745e-3,
    2.06390887954e-2,
    -5.37397155531e-2,
    1.33314422036e-1,
    -3.33332819422e-1,
  ]);
  const size = abs(x), far = sub(one, div(num(2, x), add(exp(add(size, size)), one)));
  return where(lt(size, num(0.625, x)), mul(x, add(mul(near, z), one)), withSignOf(x, far));
}

/**
 * log(1 + x): the rounding error of u = 1 + x is undone by the factor x / (u - 1) (D. Goldberg,
 * "What every computer scientist should know about floating-point arithmetic", 1991, theorem 4).
 */
export function log1p(x: Node): Node {
  const one = num(1, x);
  const u = add(x, one);
  const corrected = mul(log(u), div(x, sub(u, one)));
  // Where u rounds to 1, log(1 + x) is x. Beyond 2 the rounding does not matter, and infinity stays.
  return where(eq(u, one), x, where(lt(num(2, x), u), log(u), corrected));
}

/** sinh(x) / x for |x| <= 1 from z = x ** 2, by its Taylor series. */
function sinhOverX(z: Node): Node {
  const coefficients: number[] = [1];
  for (let k = 1; k <= 9; k++) coefficients.unshift(coefficients[0] / (2 * k * (2 * k + 1)));
  return polynomial(z, coefficients);
}

/** exp(x) - 1, near 0 as 2 exp(x / 2) sinh(x / 2), which cancels nothing. */
export function expm1(x: Node): Node {
  const half = mul(x, num(0.5, x));
  const small = mul(mul(x, exp(half)), sinhOverX(square(half)));
  return where(lt(abs(x), num(1, x)), small, sub(exp(x), num(1, x)));
}

/** exp(|x|) / 2 and exp(-|x|) / 2; the first overflows only where cosh does. */
function halfExponentials(x: Node): [Node, Node] {
  const root = exp(mul(abs(x), num(0.5, x)));
  const half = num(0.5, x);
  return [mul(mul(half, root), root), div(div(half, root), root)];
}

/** Hyperbolic sine. */
export function sinh(x: Node): Node {
  const [grow, decay] = halfExponentials(x);
  const large = withSignOf(x, sub(grow, decay));
  return where(lt(abs(x), num(1, x)), mul(x, sinhOverX(square(x))), large);
}

/** Hyperbolic cosine. */
export function cosh(x: Node): Node {
  const [grow, decay] = halfExponentials(x);
  return add(grow, decay);
}

/**
 * Arc tangent: the argument is brought to [-0.42, 0.66] by a turn of 0, 45 or 90 degrees, where the
 * rational approximation of the Cephes library (S. L. Moshier, 1984) holds.
 */
export function atan(x: Node): Node {
  const one = num(1, x);
  const a = abs(x);
  const steep = lt(num(2.414213562373095, x), a); // tan(3 pi / 8)
  const middle = lt(num(0.66, x), a);
  const t = where(
    steep,
    neg(reciprocal(a)),
    where(middle, div(sub(a, one), add(a, one)), a),
  );
  const z = square(t);
  const rational = div(
    polynomial(z, [
      -8.750608600031904122785e-1,
      -1.615753718733365076637e1,
      -7.500855792314704667340e1,
      -1.228866684490136173410e2,
      -6.485021904942025371773e1,
    ]),
    polynomial(z, [
      1,
      2.485846490142306297962e1,
      1.650270098316988542046e2,
      4.328810604912902668951e2,
      4.853903996359136964868e2,
      1.945506571482613964425e2,
    ]),
  );
  const rest = add(mul(mul(t, z), rational), t);
  const turn = where(
    steep,
    num(Math.PI / 2, x),
    where(middle, num(Math.PI / 4, x), num(0, x)),
  );
  return withSignOf(x, add(turn, rest));
}

/**
 * asin(s) for s = |x| up to 1/2 and s = sqrt((1 - |x|) / 2) above, which is also at most 1/2, by the
 * rational approximation of FDLIBM (Sun Microsystems, 1993). Returns whether |x| is above 1/2 too.
 */
function reducedAsin(x: Node): { folded: Node; angle: Node } {
  const a = abs(x);
  const folded = lt(num(0.5, x), a);
  const z = where(folded, mul(sub(num(1, x), a), num(0.5, x)), square(a));
  const s = where(folded, sqrt(z), a);
  const rational = div(
    polynomial(z, [
      3.47933107596021167570e-05,
      7.91534994289814532176e-04,
      -4.00555345006794114027e-02,
      2.01212532134862925881e-01,
      -3.25565818622400915405e-01,
      1.66666666666666657415e-01,
    ]),
    polynomial(z, [
      7.70381505559019352791e-02,
      -6.88283971605453293030e-01,
      2.02094576023350569471,
      -2.40339491173441421878,
      1,
    ]),
  );
  return { folded, angle: add(s, mul(s, mul(z, rational))) };
}

/** Arc sine; NaN outside [-1, 1]. */
export function asin(x: Node): Node {
  const { folded, angle } = reducedAsin(x);
  const far = sub(num(Math.PI / 2, x), mul(angle, num(2, x)));
  return withSignOf(x, where(folded, far, angle));
}

/** Arc cosine; NaN outside [-1, 1]. */
export function acos(x: Node): Node {
  const { folded, angle } = reducedAsin(x);
  const twice = mul(angle, num(2, x));
  const far = where(lt(x, num(0, x)), sub(num(Math.PI, x), twice), twice);
  return where(folded, far, sub(num(Math.PI / 2, x), withSignOf(x, angle)));
}

/**
 * Angle of the point (x, y), from -pi to pi. Signs of zero operands choose the side as in C; a zero
 * result has no sign (ONNX Runtime's Where drops it).
 */
export function atan2(y: Node, x: Node): Node {
  const zero = num(0, x);
  const ay = abs(y), ax = abs(x);
  // Equal magnitudes include 0 / 0 and infinity / infinity, which have angles too.
  const diagonal = where(eq(ay, zero), zero, num(1, x));
  const angle = atanNode(where(eq(ay, ax), diagonal, div(ay, ax)));
  const turned = where(isNegative(x), sub(num(Math.PI, x), angle), angle);
  return where(isNegative(y), neg(turned), turned);
}

/** Whether the sign bit is set; -0 counts. */
function isNegative(x: Node): Node {
  const zero = num(0, x);
  return logicalOr(lt(x, zero), lt(reciprocal(x), zero));
}
