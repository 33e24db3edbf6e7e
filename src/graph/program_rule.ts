/**
 * How the Program kernel computes a primitive. The kernel is described in `ops/README.md`.
 *
 * @module
 */

import type { Node } from "./node.ts";

/** Operation codes of Program's elementwise instructions (see `ops/program`). */
export const opcode = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  pow: 4,
  maximum: 5,
  minimum: 6,
  fma: 7,
  fms: 8,
  fnma: 9,
  neg: 10,
  abs: 11,
  sign: 12,
  sqrt: 13,
  exp: 14,
  log: 15,
  sin: 16,
  cos: 17,
  tanh: 18,
  sigmoid: 19,
  erf: 20,
  log1p: 21,
  expm1: 22,
  atan: 23,
  reciprocal: 24,
  floor: 25,
  ceil: 26,
  round: 27,
  square: 28,
  rsqrt: 29,
  relu: 30,
  asin: 31,
  acos: 32,
  tan: 33,
  sinh: 34,
  cosh: 35,
  softplus: 36,
  erfc: 37,
  normalCdf: 38,
  lt: 40,
  le: 41,
  eq: 42,
  logicalAnd: 44,
  logicalOr: 45,
  logicalNot: 46,
  isNan: 47,
  select: 50,
  fmod: 51,
  remainder: 52,
  atan2: 53,
  copy: 54,
  tanhSlope: 55,
  sigmoidSlope: 56,
} as const;

/** A view of an operand: sizes with a stride and a start in elements. */
export interface View {
  /** Sizes. */
  readonly dims: readonly number[];
  /** Elements between neighbours along each dimension; 0 repeats. */
  readonly strides: readonly number[];
  /** First element. */
  readonly offset: number;
}

/** How Program computes a primitive. */
export type ProgramRule<A> =
  | {
    /** One instruction per element. */
    readonly kind: "elementwise";
    /** Its code. */
    readonly opcode: number;
  }
  | {
    /** Same memory seen otherwise; null where that needs a copy that Program cannot express. */
    readonly kind: "view";
    /** View of the result, given the contiguous or strided view of the operand. */
    view(node: Node<A>, of: View): View | null;
  }
  | {
    /** Reduction over axes. */
    readonly kind: "reduce";
    /** 0 sum, 1 max, 2 min, 3 prod. */
    readonly code: number;
    /** Reduced axes of the operand. */
    axes(attrs: A): readonly number[];
  }
  | {
    /** Matrix product of the last two dimensions. */
    readonly kind: "matmul";
  };
