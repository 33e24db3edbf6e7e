/**
 * What lowering has to know of a device.
 *
 * @module
 */

import type { DType } from "../dtype.ts";

/** Names of the compiled kernels, without the type that ends them. */
export const COMPILED_KERNELS: ReadonlySet<string> = new Set([
  "Cholesky",
  "Columns",
  "Eigh",
  "FoldColumns",
  "FusedAdam",
  "Loop",
  "Lu",
  "MaxPlaces",
  "OrthogonalColumns",
  "Program",
  "Qr",
  "RunningSum",
  "ScatterZeros",
  "TriangularSolve",
]);

/** The set of operators that the compiled kernels are. */
const DOMAIN = "torchopt.";

const OPERATORS: ReadonlySet<string> = new Set([...COMPILED_KERNELS].map((x) => DOMAIN + x));

/** Whether an operator is a compiled kernel. */
export function isCompiled(op: string): boolean {
  if (OPERATORS.has(op)) return true;
  if (!op.startsWith(DOMAIN)) return false;
  throw new Error(`internal: there is no kernel ${op}`);
}

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
  /** Kind of the device, for messages. */
  readonly kind: string;
  /**
   * Whether there is a kernel of an operator for an element type: one of ONNX, such as `Conv`, or a
   * compiled one, such as `torchopt.Program`.
   */
  has(op: string, dtype: DType): boolean;
  /** Whether a branch costs little; else a copy of its condition to the host. */
  readonly branches: boolean;
  /** Whether an address plus an offset is an address; else memory is known by handles. */
  readonly offsets: boolean;
  /** Whether nodes without a kernel are to be replaced by others, since it has few. */
  readonly substitutes: boolean;
  /** Whether ReduceSum has a kernel for dimensions that are neither the first ones nor the last. */
  readonly sumsAnywhere: boolean;
  /** Whether ScatterND adds to repeated places right however much it adds. */
  readonly scattersSafely: boolean;
}
