/**
 * Derivatives of functions, as functions of their own: each has a formula that keeps its digits where
 * the obvious one cancels or leaves the range of its type, and a derivative by its own formula again.
 * Without an instruction of Program they are lowered as their formulas.
 *
 * @module
 */

import { isFloat, type Node, type Primitive } from "../graph/node.ts";
import { add, div, mul, sub } from "./arithmetic.ts";
import { binary, build1, build2, num, type Unary, unary } from "./elementwise_define.ts";
import { lt, where } from "./logic.ts";
import { abs, exp, neg, reciprocal, rsqrt, square, tanh } from "./unary.ts";

/** From here on 1 + x ** 2 is x ** 2 in every type. */
const FAR = 1e9;

/**
 * 1 / cosh(x) ** 2 from t = tanh(x) and x. 1 - t ** 2 has lost its digits where t is near 1; the kernel
 * takes it elsewhere. Its derivative passes through x alone.
 */
export const tanhSlopePrim: Primitive<null> = binary("tanhSlope", {
  opcode: 55,
  accepts: isFloat,
  decompose: (_t, x) => {
    const e = exp(mul(num(-2, x), abs(x))), share = div(num(2, x), add(e, num(1, x)));
    return mul(e, square(share));
  },
  vjp: (g, node) => {
    const [t, x] = node.inputs;
    return [null, mul(g, mul(mul(num(-2, x), t), tanhSlope(t, x)))];
  },
});
/** s (1 - s) from s = sigmoid(x) and x, likewise. */
export const sigmoidSlopePrim: Primitive<null> = binary("sigmoidSlope", {
  opcode: 56,
  accepts: isFloat,
  decompose: (_s, x) => {
    // The exponential and the sum are those of sigmoid(), which are computed once.
    const e = exp(neg(abs(x)));
    return mul(e, square(reciprocal(add(e, num(1, x)))));
  },
  vjp: (g, node) => {
    const [s, x] = node.inputs;
    // 1 - 2 s, which cancels near 0.
    const turn = neg(tanh(mul(num(0.5, x), x)));
    return [null, mul(g, mul(turn, sigmoidSlope(s, x)))];
  },
});
/** 1 - x ** 2 */
export const oneMinusSquarePrim: Unary = unary("oneMinusSquare", {
  decompose: (x) => mul(sub(num(1, x), x), add(num(1, x), x)),
  vjp: (g, { inputs: [x] }) => [mul(g, mul(num(-2, x), x))],
});
/** 1 / (1 + x ** 2) */
export const atanSlopePrim: Unary = unary("atanSlope", {
  decompose: (x) => reciprocal(add(square(x), num(1, x))),
  // The square of the slope alone would be 0 long before the product is.
  vjp: (g, node) => {
    const [x] = node.inputs, slope = atanSlope(x);
    return [mul(g, mul(num(-2, x), mul(mul(x, slope), slope)))];
  },
});
/** 1 / sqrt(1 + x ** 2) */
export const asinhSlopePrim: Unary = unary("asinhSlope", {
  decompose: (x) => {
    const size = abs(x), near = rsqrt(add(square(x), num(1, x)));
    return where(lt(num(FAR, x), size), reciprocal(size), near);
  },
  vjp: (g, node) => {
    const [x] = node.inputs, slope = asinhSlope(x);
    return [neg(mul(g, mul(mul(x, slope), square(slope))))];
  },
});
/** 1 / (x (1 - x)) */
export const logitSlopePrim: Unary = unary("logitSlope", {
  decompose: (x) => reciprocal(mul(x, sub(num(1, x), x))),
  vjp: (g, node) => {
    const [x] = node.inputs, slope = logitSlope(x);
    return [mul(g, mul(mul(sub(mul(num(2, x), x), num(1, x)), slope), slope))];
  },
});

/** 1 / cosh(x) ** 2 from tanh(x) and x. */
export const tanhSlope: (t: Node, x: Node) => Node = build2(tanhSlopePrim);
/** s (1 - s) from s = sigmoid(x) and x. */
export const sigmoidSlope: (s: Node, x: Node) => Node = build2(sigmoidSlopePrim);
/** 1 - x ** 2 */
export const oneMinusSquare: (x: Node) => Node = build1(oneMinusSquarePrim);
/** 1 / (1 + x ** 2) */
export const atanSlope: (x: Node) => Node = build1(atanSlopePrim);
/** 1 / sqrt(1 + x ** 2) */
export const asinhSlope: (x: Node) => Node = build1(asinhSlopePrim);
/** 1 / (x (1 - x)) */
export const logitSlope: (x: Node) => Node = build1(logitSlopePrim);
