/**
 * Element types: their size, their number in ONNX and the typed array that holds them.
 *
 * @module
 */

/** Element type of a tensor. */
export type DType = "float32" | "float64" | "float16" | "int64" | "int32" | "uint8" | "bool";

/**
 * The typed arrays that hold elements on the host. `bool` is a `Uint8Array` of 0 and 1, `int64` a
 * `BigInt64Array`, `float16` a `Float16Array`, or a `Uint16Array` of bit patterns where the
 * JavaScript engine has no `Float16Array`.
 */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Float16Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Uint8Array;

/** What the runtime has to know about an element type. */
export interface DTypeInfo {
  /** Truth values, whole numbers or floating point. */
  readonly kind: "bool" | "integer" | "float";
  /** Types meet in the one of higher rank. */
  readonly rank: number;
  /** Integers of the type are from -bound up to but without bound; bytes wrap below 0. */
  readonly bound?: number;
  /** Bytes of one element. */
  readonly bytes: number;
  /** Number of the type in ONNX (`TensorProto.DataType`) and in ONNX Runtime; they agree. */
  readonly onnx: number;
  /** Makes a view of `length` elements over a buffer. */
  readonly view: (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;
  /** Makes an array of zeros, which lies in the JavaScript heap where it is small. */
  readonly make: (length: number) => TypedArray;
  /** Whether an array is of the kind that {@linkcode DTypeInfo.view} makes. */
  readonly holds: (array: TypedArray) => boolean;
}

const hasFloat16 = typeof Float16Array === "function";

/** Facts about each element type. */
export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: {
    kind: "float",
    rank: 5,
    bytes: 4,
    onnx: 1,
    view: (buffer, offset, length) => new Float32Array(buffer, offset, length),
    make: (length) => new Float32Array(length),
    holds: (array) => array instanceof Float32Array,
  },
  float64: {
    kind: "float",
    rank: 6,
    bytes: 8,
    onnx: 11,
    view: (buffer, offset, length) => new Float64Array(buffer, offset, length),
    make: (length) => new Float64Array(length),
    holds: (array) => array instanceof Float64Array,
  },
  float16: {
    kind: "float",
    rank: 4,
    bytes: 2,
    onnx: 10,
    view: (buffer, offset, length) =>
      hasFloat16
        ? new Float16Array(buffer, offset, length)
        : new Uint16Array(buffer, offset, length),
    make: (length) => hasFloat16 ? new Float16Array(length) : new Uint16Array(length),
    holds: (array) => hasFloat16 ? array instanceof Float16Array : array instanceof Uint16Array,
  },
  int64: {
    kind: "integer",
    rank: 3,
    bound: 2 ** 63,
    bytes: 8,
    onnx: 7,
    view: (buffer, offset, length) => new BigInt64Array(buffer, offset, length),
    make: (length) => new BigInt64Array(length),
    holds: (array) => array instanceof BigInt64Array,
  },
  int32: {
    kind: "integer",
    rank: 2,
    bound: 2 ** 31,
    bytes: 4,
    onnx: 6,
    view: (buffer, offset, length) => new Int32Array(buffer, offset, length),
    make: (length) => new Int32Array(length),
    holds: (array) => array instanceof Int32Array,
  },
  uint8: {
    kind: "integer",
    rank: 1,
    bound: 256,
    bytes: 1,
    onnx: 2,
    view: (buffer, offset, length) => new Uint8Array(buffer, offset, length),
    make: (length) => new Uint8Array(length),
    holds: (array) => array instanceof Uint8Array,
  },
  bool: {
    kind: "bool",
    rank: 0,
    bytes: 1,
    onnx: 9,
    view: (buffer, offset, length) => new Uint8Array(buffer, offset, length),
    make: (length) => new Uint8Array(length),
    holds: (array) => array instanceof Uint8Array,
  },
};

/** A fresh array of zeros for `n` elements of a type; without elements it has memory too. */
export function newArray(dtype: DType, n: number): TypedArray {
  const { bytes, view } = DTYPES[dtype];
  return view(new ArrayBuffer(Math.max(8, n * bytes)), 0, n);
}
