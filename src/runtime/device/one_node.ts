/**
 * Models of one node, to ask ONNX Runtime whether a device has a kernel for it.
 *
 * @module
 */

import { type DType, DTYPES } from "../dtype.ts";

/** A node over operands of two dimensions of size 2; what is not data is a constant. */
interface Signature {
  /** Types of the operands: that of the data (null), or another. */
  readonly operands: readonly (DType | null)[];
  /** Constant vectors of int64 behind them. */
  readonly constants?: readonly (readonly number[])[];
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly outputs?: number;
}

const of = (...operands: (DType | null)[]): Signature => ({ operands });
const withInts = (operands: readonly (DType | null)[], ...constants: number[][]): Signature => ({
  operands,
  constants,
});

const each = (names: string, signature: Signature): Record<string, Signature> =>
  Object.fromEntries(names.split(" ").map((name) => [name, signature]));

/** Operators that can be asked for. */
const SIGNATURES: Readonly<Record<string, Signature | undefined>> = {
  ...each(
    "Abs Acos Asin Atan Ceil Cos Cosh Erf Exp Floor Identity IsNaN Log Neg Not Reciprocal Relu " +
      "Round Sigmoid Sign Sin Sinh Softplus Sqrt Tan Tanh",
    of(null),
  ),
  ...each(
    "Add And Div Equal Greater GreaterOrEqual Less LessOrEqual MatMul Max Min Mod Mul Or Pow Sub Xor",
    of(null, null),
  ),
  ...each("ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum", withInts([null], [1])),
  ...each("Expand Reshape", withInts([null], [2, 2])),
  ...each("ArgMax ArgMin", { operands: [null], ints: { axis: 1 } }),
  Cast: { operands: [null], ints: { to: 1 } },
  Concat: { operands: [null, null], ints: { axis: 0 } },
  CumSum: { operands: [null], constants: [[0]] },
  Gather: { operands: [null, "int64"], ints: { axis: 0 } },
  GatherElements: { operands: [null, "int64"], ints: { axis: 0 } },
  GatherND: of(null, "int64"),
  Pad: withInts([null], [0, 0, 1, 1]),
  ScatterElements: { operands: [null, "int64", null], ints: { axis: 0 } },
  Slice: withInts([null], [0], [1], [0], [1]),
  Split: { operands: [null], constants: [[1, 1]], ints: { axis: 0 }, outputs: 2 },
  Squeeze: { operands: [null] },
  Tile: withInts([null], [1, 2]),
  TopK: { operands: [null], constants: [[1]], outputs: 2 },
  Transpose: { operands: [null], ints: { perm: [1, 0] } },
  Unsqueeze: withInts([null], [0]),
  Where: of("bool", null, null),
};

/** Bytes of a model of one such node on data of a type; null for an operator that is not listed. */
export function oneNode(op: string, dtype: DType): Uint8Array<ArrayBuffer> | null {
  const signature = SIGNATURES[op];
  if (signature === undefined) return null;
  const { operands, constants = [], ints = {}, outputs = 1 } = signature;
  const inputs = operands.map((type, i) => ({ name: `x${i}`, type: type ?? dtype }));
  const names = [...inputs.map(({ name }) => name), ...constants.map((_, i) => `c${i}`)];
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const node = [
    ...names.map((name) => text(1, name)),
    ...results.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(ints).map(([name, value]) => attribute(name, value)),
  ];
  const graph = [
    message(1, node),
    text(2, "g"),
    ...constants.map((values, i) =>
      message(5, [
        number(1, values.length),
        number(2, DTYPES.int64.onnx),
        text(8, `c${i}`),
        bytes(9, new Uint8Array(BigInt64Array.from(values, BigInt).buffer)),
      ])
    ),
    ...inputs.map(({ name, type }) =>
      message(11, [
        text(1, name),
        message(2, [message(1, [number(1, DTYPES[type].onnx), message(2, [dim(2), dim(2)])])]),
      ])
    ),
    // ONNX Runtime infers the types of results.
    ...results.map((name) => message(12, [text(1, name)])),
  ];
  return join([number(1, 10), message(8, [number(2, 21)]), message(7, graph)]);
}

const dim = (size: number) => message(1, [number(1, size)]);

function attribute(name: string, value: number | readonly number[]): Uint8Array {
  const body = typeof value === "number"
    ? [number(3, value), number(20, 2)]
    : [...value.map((v) => number(8, v)), number(20, 7)];
  return message(5, [text(1, name), ...body]);
}

function number(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field << 3), ...varint(value)]);
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return join([Uint8Array.from([...varint(field << 3 | 2), ...varint(value.length)]), value]);
}

const text = (field: number, value: string) => bytes(field, new TextEncoder().encode(value));
const message = (field: number, parts: readonly Uint8Array[]) => bytes(field, join(parts));

function varint(value: number): number[] {
  const out: number[] = [];
  for (; value > 127; value >>>= 7) out.push(value & 127 | 128);
  return [...out, value];
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
