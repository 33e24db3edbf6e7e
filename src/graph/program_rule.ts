/**
 * How the Program kernel computes a primitive. The kernel is described in `ops/README.md`.
 *
 * @module
 */

import type { Node } from "./node.ts";

/**
 * Codes of Program's instructions that lowering itself knows; `ops/program/opcodes.inc` has all of them,
 * and each primitive says its own.
 */
export const opcode = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  fma: 7,
  fms: 8,
  fnma: 9,
  neg: 10,
  sqrt: 13,
  reciprocal: 24,
  square: 28,
  select: 50,
  copy: 54,
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
