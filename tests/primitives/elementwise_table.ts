/**
 * Elementwise primitives, one row each: where the tests of derivatives and of batching try it, and how
 * far its results may differ with kernels and without.
 *
 * @module
 */

import { constantNode, numberNode } from "../../src/graph/leaf.ts";
import type { Node } from "../../src/graph/node.ts";
import * as e from "../../src/primitives/elementwise.ts";

type F1 = (x: Node) => Node;
type F2 = (a: Node, b: Node) => Node;

interface Options<F> {
  /** Units in the last place by which kernels and graphs may differ: of float32 and of float64. */
  readonly ulps: readonly [number, number];
  /** Arguments of derivatives lie between these (default -1 and 1). */
  readonly within?: readonly [number, number];
  /** What is differentiated, where the function alone says little; or why there is no derivative. */
  readonly derivative?: F | string;
  /** Units in the last place of this instead of the result. */
  readonly of?: number;
  /** Whether a zero may have either sign. */
  readonly anySign?: boolean;
}

/** A row of the table. */
export type Elementwise =
  | { readonly arity: 1; readonly f: F1; readonly options: Options<F1> }
  | { readonly arity: 2; readonly f: F2; readonly options: Options<F2> };

const of1 = (f: F1, options: Options<F1>): Elementwise => ({ arity: 1, f, options });
const of2 = (f: F2, options: Options<F2>): Elementwise => ({ arity: 2, f, options });

const f = (value: number): Node => constantNode(value, "float64");
const truth = (x: Node) => e.lt(e.num(0.5, x), x);

/** Every elementwise primitive. */
export const elementwise = {
  add: of2(e.add, { ulps: [0, 0] }),
  sub: of2(e.sub, { ulps: [0, 0] }),
  mul: of2(e.mul, { ulps: [0, 0] }),
  div: of2(e.div, { ulps: [0, 0], within: [0.5, 2] }),
  pow: of2(e.pow, { ulps: [4, 4], within: [0.5, 2] }),
  maximum: of2(e.maximum, { ulps: [0, 0], anySign: true }),
  minimum: of2(e.minimum, { ulps: [0, 0], anySign: true }),
  fmod: of2(e.fmod, {
    ulps: [0, 0],
    within: [0.6, 0.9],
    derivative: (a, b) => e.fmod(e.mul(a, numberNode(5, "float64")), b),
  }),
  remainder: of2(e.remainder, {
    ulps: [0, 0],
    within: [0.6, 0.9],
    derivative: (a, b) => e.remainder(e.mul(a, numberNode(5, "float64")), b),
  }),
  atan2: of2(e.atan2, { ulps: [4, 4], within: [0.2, 2] }),
  neg: of1(e.neg, { ulps: [0, 0] }),
  abs: of1(e.abs, { ulps: [0, 0] }),
  sign: of1(e.sign, { ulps: [0, 0], derivative: (x) => e.mul(e.sign(x), x) }),
  sqrt: of1(e.sqrt, { ulps: [0, 0], within: [0.5, 2] }),
  exp: of1(e.exp, { ulps: [2, 2] }),
  log: of1(e.log, { ulps: [4, 2], within: [0.5, 2] }),
  sin: of1(e.sin, { ulps: [4, 64] }),
  cos: of1(e.cos, { ulps: [4, 64] }),
  tan: of1(e.tan, { ulps: [8, 64] }),
  tanh: of1(e.tanh, { ulps: [8, 4] }),
  sigmoid: of1(e.sigmoid, { ulps: [2, 2] }),
  erf: of1(e.erf, { ulps: [4, 4] }),
  erfc: of1(e.erfc, { ulps: [8, 256] }),
  erfinv: of1(e.erfinv, { ulps: [8, 8], within: [-0.9, 0.9] }),
  normalCdf: of1(e.normalCdf, { ulps: [2, 256], of: 1 }),
  log1p: of1(e.log1p, { ulps: [4, 4], within: [-0.5, 2] }),
  expm1: of1(e.expm1, { ulps: [4, 4] }),
  atan: of1(e.atan, { ulps: [4, 4] }),
  asin: of1(e.asin, { ulps: [4, 4], within: [-0.8, 0.8] }),
  acos: of1(e.acos, { ulps: [4, 4], within: [-0.8, 0.8] }),
  sinh: of1(e.sinh, { ulps: [4, 4] }),
  cosh: of1(e.cosh, { ulps: [4, 4] }),
  softplus: of1(e.softplus, { ulps: [4, 4], within: [-3, 3] }),
  asinh: of1(e.asinh, { ulps: [4, 4] }),
  acosh: of1(e.acosh, { ulps: [4, 4], within: [1.2, 3] }),
  atanh: of1(e.atanh, { ulps: [4, 4], within: [-0.8, 0.8] }),
  logit: of1(e.logit, { ulps: [4, 4], within: [0.2, 0.8] }),
  softsign: of1(e.softsign, { ulps: [2, 2], within: [0.1, 1] }),
  tanhSlope: of1((x) => e.tanhSlope(e.tanh(x), x), { ulps: [8, 8], within: [-3, 3] }),
  sigmoidSlope: of1((x) => e.sigmoidSlope(e.sigmoid(x), x), { ulps: [16, 32], within: [-4, 4] }),
  oneMinusSquare: of1(e.oneMinusSquare, { ulps: [2, 2] }),
  atanSlope: of1(e.atanSlope, { ulps: [4, 4] }),
  asinhSlope: of1(e.asinhSlope, { ulps: [4, 4] }),
  logitSlope: of1(e.logitSlope, { ulps: [4, 4], within: [0.2, 0.8] }),
  reciprocal: of1(e.reciprocal, { ulps: [0, 0], within: [0.5, 2] }),
  square: of1(e.square, { ulps: [0, 0] }),
  rsqrt: of1(e.rsqrt, { ulps: [2, 2], within: [0.5, 2] }),
  relu: of1(e.relu, { ulps: [0, 0] }),
  floor: of1(e.floor, { ulps: [0, 0], derivative: (x) => e.mul(e.floor(e.mul(x, f(2))), x) }),
  ceil: of1(e.ceil, { ulps: [0, 0], derivative: (x) => e.mul(e.ceil(e.mul(x, f(2))), x) }),
  round: of1(e.round, { ulps: [0, 0], derivative: (x) => e.mul(e.round(e.mul(x, f(2))), x) }),
  lt: of2((a, b) => e.lt(a, b), { ulps: [0, 0], derivative: "boolean" }),
  le: of2((a, b) => e.le(a, b), { ulps: [0, 0], derivative: "boolean" }),
  eq: of2((a, b) => e.eq(a, b), { ulps: [0, 0], derivative: "boolean" }),
  logicalAnd: of2((a, b) => e.logicalAnd(truth(a), truth(b)), {
    ulps: [0, 0],
    derivative: "boolean",
  }),
  logicalOr: of2((a, b) => e.logicalOr(truth(a), truth(b)), {
    ulps: [0, 0],
    derivative: "boolean",
  }),
  logicalNot: of1((x) => e.logicalNot(truth(x)), { ulps: [0, 0], derivative: "boolean" }),
  isNan: of1(e.isNan, { ulps: [0, 0], derivative: "boolean" }),
} satisfies Record<string, Elementwise>;

/** A table of something else for each of them. */
export function forEach<T>(make: (row: Elementwise) => T): Record<keyof typeof elementwise, T> {
  const entries = Object.entries<Elementwise>(elementwise).map(([name, row]) => [name, make(row)]);
  return Object.fromEntries(entries);
}
