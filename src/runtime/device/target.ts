/**
 * What lowering has to know of a device.
 *
 * @module
 */

import type { DType } from "../dtype.ts";

/** Names of the compiled kernels, without the type. */
export const COMPILED_KERNELS: ReadonlySet<string> = new Set([
  "Cholesky",
  "Columns",
  "Eigh",
  "FoldColumns",
  "FusedAdam",
  "Lu",
  "MaxPlaces",
  "OrthogonalColumns",
  "Program",
  "Qr",
  "ScatterZeros",
  "TriangularSolve",
]);

const SINGLE: readonly DType[] = ["float32"];

/** Operators that ONNX Runtime computes in few types, on whatever device. */
const FEW_TYPES: Readonly<Record<string, readonly DType[]>> = {
  Acos: SINGLE,
  Asin: SINGLE,
  Atan: SINGLE,
  Cosh: SINGLE,
  Erf: SINGLE,
  Neg: ["float16", "float32", "float64", "int32", "int64"],
  Sinh: SINGLE,
  Softplus: SINGLE,
};

/** Whether ONNX Runtime has an operator for a type, as far as devices do not differ. */
export function hasOperator(op: string, dtype: DType): boolean {
  return FEW_TYPES[op]?.includes(dtype) ?? true;
}

/** Where a graph will run. */
export interface Target {
  /**
   * Whether there is a kernel for an element type: one of the compiled kernels, or an operator of ONNX.
   */
  has(op: string, dtype: DType): boolean;
  /** Whether a branch costs little; else a copy of its condition to the host. */
  readonly branches: boolean;
  /** Whether ScatterND adds to repeated places right however much it adds. */
  readonly scattersSafely: boolean;
}
