/**
 * Functions of one operand that are lowered as formulas but have derivatives of their own: those of
 * the formulas would lose digits.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { build1, num, type Unary, unary } from "./elementwise_define.ts";
import { le, logicalAnd, lt, where } from "./logic.ts";
import { asinhSlope, logitSlope, oneMinusSquare } from "./slopes.ts";
import { abs, log, log1p, neg, reciprocal, rsqrt, sqrt, square } from "./unary.ts";

/** Where inverse hyperbolic functions go over to log(2 x). */
const FAR = 1e9;

/** log(2 a) beyond, `near` elsewhere. */
function logBeyond(a: Node, near: Node): Node {
  return where(lt(num(FAR, a), a), add(log(a), num(Math.LN2, a)), near);
}

/** Inverse hyperbolic sine. */
export const asinhPrim: Unary = unary("asinh", {
  decompose: (x) => {
    const a = abs(x), z = square(x), one = num(1, x);
    const near = log1p(add(a, div(z, add(one, sqrt(add(z, one))))));
    const magnitude = logBeyond(a, near);
    return where(lt(x, num(0, x)), neg(magnitude), magnitude);
  },
  vjp: (g, { inputs: [x] }) => [mul(g, asinhSlope(x))],
});
/** Inverse hyperbolic cosine; NaN below 1. */
export const acoshPrim: Unary = unary("acosh", {
  decompose: (x) => {
    const t = sub(x, num(1, x));
    // Two roots, since t (t + 2) is positive again for x far below 1.
    return logBeyond(x, log1p(add(t, mul(sqrt(t), sqrt(add(t, num(2, x)))))));
  },
  vjp: (g, { inputs: [x] }) => {
    const one = num(1, x);
    return [mul(g, mul(rsqrt(sub(x, one)), rsqrt(add(x, one))))];
  },
});
/** Inverse hyperbolic tangent; NaN outside [-1, 1]. */
export const atanhPrim: Unary = unary("atanh", {
  decompose: (x) => mul(num(0.5, x), sub(log1p(x), log1p(neg(x)))),
  vjp: (g, { inputs: [x] }) => [div(g, oneMinusSquare(x))],
});
/** log(x / (1 - x)) */
export const logitPrim: Unary = unary("logit", {
  decompose: (x) => {
    // Around 1/2 the difference of the logarithms would cancel; 2 x - 1 is exact there.
    const t = sub(mul(num(2, x), x), num(1, x));
    const middle = logicalAnd(le(num(0.25, x), x), le(x, num(0.75, x)));
    return where(
      middle,
      sub(log1p(t), log1p(neg(t))),
      sub(log(x), log1p(neg(x))),
    );
  },
  vjp: (g, { inputs: [x] }) => [mul(g, logitSlope(x))],
});
/** x / (1 + |x|) */
export const softsignPrim: Unary = unary("softsign", {
  decompose: (x) => div(x, add(abs(x), num(1, x))),
  vjp: (g, { inputs: [x] }) => [mul(g, square(reciprocal(add(abs(x), num(1, x)))))],
});

/** Inverse hyperbolic sine. */
export const asinh: (x: Node) => Node = build1(asinhPrim);
/** Inverse hyperbolic cosine. */
export const acosh: (x: Node) => Node = build1(acoshPrim);
/** Inverse hyperbolic tangent. */
export const atanh: (x: Node) => Node = build1(atanhPrim);
/** log(x / (1 - x)) */
export const logit: (x: Node) => Node = build1(logitPrim);
/** x / (1 + |x|) */
export const softsign: (x: Node) => Node = build1(softsignPrim);
