/**
 * Elementwise functions of one operand.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { opcode } from "../graph/program_rule.ts";
import * as approx from "./approximations.ts";
import { add, div, maximum, mul } from "./arithmetic.ts";
import { anyNumber, build1, num, type Unary, unary } from "./elementwise_define.ts";
import * as error from "./error_functions.ts";
import { le, where } from "./logic.ts";
import { atanSlope, oneMinusSquare, sigmoidSlope, tanhSlope } from "./slopes.ts";

/** -x */
export const negPrim: Unary = unary("neg", {
  opcode: opcode.neg,
  onnx: "Neg",
  accepts: anyNumber,
  // Bytes wrap around: 255 is -1.
  decompose: (x) => x.dtype === "uint8" ? mul(num(255, x), x) : null,
  vjp: (g) => [neg(g)],
  simplify: (node) => node.inputs[0].prim === negPrim ? node.inputs[0].inputs[0] : node,
});
/** |x|; derivative 0 at 0. */
export const absPrim: Unary = unary("abs", {
  opcode: 11,
  onnx: "Abs",
  accepts: anyNumber,
  vjp: (g, { inputs: [x] }) => [mul(g, sign(x))],
});
/** -1, 0 or 1; derivative 0. */
export const signPrim: Unary = unary("sign", {
  opcode: 12,
  onnx: "Sign",
  accepts: anyNumber,
  vjp: () => [null],
});
/** Square root. */
export const sqrtPrim: Unary = unary("sqrt", {
  opcode: opcode.sqrt,
  onnx: "Sqrt",
  vjp: (g, node) => [div(mul(g, num(0.5, g)), node)],
});
/** e ** x */
export const expPrim: Unary = unary("exp", {
  opcode: 14,
  onnx: "Exp",
  vjp: (g, node) => [mul(g, node)],
});
/** Natural logarithm. */
export const logPrim: Unary = unary("log", {
  opcode: 15,
  onnx: "Log",
  vjp: (g, { inputs: [x] }) => [div(g, x)],
});
/** Sine. */
export const sinPrim: Unary = unary("sin", {
  opcode: 16,
  onnx: "Sin",
  vjp: (g, { inputs: [x] }) => [mul(g, cos(x))],
});
/** Cosine. */
export const cosPrim: Unary = unary("cos", {
  opcode: 17,
  onnx: "Cos",
  vjp: (g, { inputs: [x] }) => [neg(mul(g, sin(x)))],
});
/** Tangent. */
export const tanPrim: Unary = unary("tan", {
  opcode: 33,
  decompose: (x) => div(sin(x), cos(x)),
  vjp: (g, node) => [mul(g, add(square(node), num(1, g)))],
});
/** Hyperbolic tangent. */
export const tanhPrim: Unary = unary("tanh", {
  opcode: 18,
  onnx: "Tanh",
  decompose: approx.tanh,
  vjp: (g, node) => [mul(g, tanhSlope(node, node.inputs[0]))],
});
/** 1 / (1 + e ** -x) */
export const sigmoidPrim: Unary = unary("sigmoid", {
  opcode: 19,
  // ONNX Runtime's kernels lose all relative accuracy for large negative x.
  decompose: approx.sigmoid,
  vjp: (g, node) => [mul(g, sigmoidSlope(node, node.inputs[0]))],
});
/** Error function. */
export const erfPrim: Unary = unary("erf", {
  opcode: 20,
  onnx: "Erf",
  decompose: error.erf,
  vjp: (g, { inputs: [x] }) => [mul(mul(g, num(2 / Math.sqrt(Math.PI), g)), exp(neg(square(x))))],
});
/** 1 - erf(x), accurate where that is tiny. */
export const erfcPrim: Unary = unary("erfc", {
  opcode: 37,
  decompose: error.erfc,
  vjp: (g, { inputs: [x] }) => [mul(mul(g, num(-2 / Math.sqrt(Math.PI), g)), exp(neg(square(x))))],
});
/** Inverse of the error function; ±Infinity at ±1, NaN beyond. */
export const erfinvPrim: Unary = unary("erfinv", {
  opcode: 57,
  decompose: error.erfinv,
  vjp: (g, node) => [mul(mul(g, num(Math.sqrt(Math.PI) / 2, g)), exp(square(node)))],
});
/** Distribution function of the normal law, accurate where that is tiny. */
export const normalCdfPrim: Unary = unary("normalCdf", {
  opcode: 38,
  decompose: error.normalCdf,
  vjp(g, { inputs: [x] }) {
    const density = exp(mul(num(-0.5, x), square(x)));
    return [mul(mul(g, num(1 / Math.sqrt(2 * Math.PI), g)), density)];
  },
});
/** log(1 + x), accurate near 0. */
export const log1pPrim: Unary = unary("log1p", {
  opcode: 21,
  decompose: approx.log1p,
  vjp: (g, { inputs: [x] }) => [div(g, add(x, num(1, g)))],
});
/** e ** x - 1, accurate near 0. */
export const expm1Prim: Unary = unary("expm1", {
  opcode: 22,
  decompose: approx.expm1,
  // Not the value plus 1, which has lost its digits where x is far below 0.
  vjp: (g, { inputs: [x] }) => [mul(g, exp(x))],
});
/** Arc tangent. */
export const atanPrim: Unary = unary("atan", {
  opcode: 23,
  onnx: "Atan",
  decompose: approx.atan,
  vjp: (g, { inputs: [x] }) => [mul(g, atanSlope(x))],
});
/** Arc sine. */
export const asinPrim: Unary = unary("asin", {
  opcode: 31,
  onnx: "Asin",
  decompose: approx.asin,
  vjp: (g, { inputs: [x] }) => [mul(g, rsqrt(oneMinusSquare(x)))],
});
/** Arc cosine. */
export const acosPrim: Unary = unary("acos", {
  opcode: 32,
  onnx: "Acos",
  decompose: approx.acos,
  vjp: (g, { inputs: [x] }) => [neg(mul(g, rsqrt(oneMinusSquare(x))))],
});
/** Hyperbolic sine. */
export const sinhPrim: Unary = unary("sinh", {
  opcode: 34,
  onnx: "Sinh",
  decompose: approx.sinh,
  vjp: (g, { inputs: [x] }) => [mul(g, cosh(x))],
});
/** Hyperbolic cosine. */
export const coshPrim: Unary = unary("cosh", {
  opcode: 35,
  onnx: "Cosh",
  decompose: approx.cosh,
  vjp: (g, { inputs: [x] }) => [mul(g, sinh(x))],
});
/** log(1 + e ** x), safe for large x. */
export const softplusPrim: Unary = unary("softplus", {
  opcode: 36,
  onnx: "Softplus",
  decompose: (x) => add(maximum(x, num(0, x)), log1p(exp(neg(abs(x))))),
  vjp: (g, { inputs: [x] }) => [mul(g, sigmoid(x))],
});
/** 1 / x */
export const reciprocalPrim: Unary = unary("reciprocal", {
  opcode: opcode.reciprocal,
  onnx: "Reciprocal",
  vjp: (g, node) => [neg(mul(g, square(node)))],
});
/** x * x */
export const squarePrim: Unary = unary("square", {
  opcode: opcode.square,
  accepts: anyNumber,
  decompose: (x) => mul(x, x),
  vjp: (g, { inputs: [x] }) => [mul(mul(g, num(2, g)), x)],
  simplify: (node) => node.inputs[0].prim === negPrim ? square(node.inputs[0].inputs[0]) : node,
});
/** 1 / sqrt(x) */
export const rsqrtPrim: Unary = unary("rsqrt", {
  opcode: 29,
  decompose: (x) => reciprocal(sqrt(x)),
  // Half of the root first: its cube alone may overflow.
  vjp: (g, node) => [mul(g, mul(mul(num(-0.5, g), node), square(node)))],
});
/** max(x, 0); derivative 0 at 0, and 1 at NaN, which stays NaN. */
export const reluPrim: Unary = unary("relu", {
  opcode: 30,
  onnx: "Relu",
  vjp: (g, { inputs: [x] }) => [where(le(x, num(0, x)), num(0, g), g)],
});
/** Largest whole number not above x; derivative 0. */
export const floorPrim: Unary = unary("floor", { opcode: 25, onnx: "Floor", vjp: () => [null] });
/** Smallest whole number not below x; derivative 0. */
export const ceilPrim: Unary = unary("ceil", { opcode: 26, onnx: "Ceil", vjp: () => [null] });
/** Nearest whole number, halves to even; derivative 0. */
export const roundPrim: Unary = unary("round", { opcode: 27, onnx: "Round", vjp: () => [null] });

/** -x */
export const neg: (x: Node) => Node = build1(negPrim);
/** |x| */
export const abs: (x: Node) => Node = build1(absPrim);
/** Sign. */
export const sign: (x: Node) => Node = build1(signPrim);
/** Square root. */
export const sqrt: (x: Node) => Node = build1(sqrtPrim);
/** e ** x */
export const exp: (x: Node) => Node = build1(expPrim);
/** Natural logarithm. */
export const log: (x: Node) => Node = build1(logPrim);
/** Sine. */
export const sin: (x: Node) => Node = build1(sinPrim);
/** Cosine. */
export const cos: (x: Node) => Node = build1(cosPrim);
/** Tangent. */
export const tan: (x: Node) => Node = build1(tanPrim);
/** Hyperbolic tangent. */
export const tanh: (x: Node) => Node = build1(tanhPrim);
/** Logistic function. */
export const sigmoid: (x: Node) => Node = build1(sigmoidPrim);
/** Error function. */
export const erf: (x: Node) => Node = build1(erfPrim);
/** 1 - erf(x) */
export const erfc: (x: Node) => Node = build1(erfcPrim);
/** Inverse of the error function. */
export const erfinv: (x: Node) => Node = build1(erfinvPrim);
/** Distribution function of the normal law. */
export const normalCdf: (x: Node) => Node = build1(normalCdfPrim);
/** log(1 + x) */
export const log1p: (x: Node) => Node = build1(log1pPrim);
/** e ** x - 1 */
export const expm1: (x: Node) => Node = build1(expm1Prim);
/** Arc tangent. */
export const atan: (x: Node) => Node = build1(atanPrim);
/** Arc sine. */
export const asin: (x: Node) => Node = build1(asinPrim);
/** Arc cosine. */
export const acos: (x: Node) => Node = build1(acosPrim);
/** Hyperbolic sine. */
export const sinh: (x: Node) => Node = build1(sinhPrim);
/** Hyperbolic cosine. */
export const cosh: (x: Node) => Node = build1(coshPrim);
/** log(1 + e ** x) */
export const softplus: (x: Node) => Node = build1(softplusPrim);
/** 1 / x */
export const reciprocal: (x: Node) => Node = build1(reciprocalPrim);
/** x * x */
export const square: (x: Node) => Node = build1(squarePrim);
/** 1 / sqrt(x) */
export const rsqrt: (x: Node) => Node = build1(rsqrtPrim);
/** max(x, 0) */
export const relu: (x: Node) => Node = build1(reluPrim);
/** Floor. */
export const floor: (x: Node) => Node = build1(floorPrim);
/** Ceiling. */
export const ceil: (x: Node) => Node = build1(ceilPrim);
/** Nearest whole number. */
export const round: (x: Node) => Node = build1(roundPrim);
