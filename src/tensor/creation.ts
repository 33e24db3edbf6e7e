/**
 * Making tensors from data and of one value. Ranges are in `sequences.ts`, random ones in `random.ts`.
 *
 * @module
 */

import { type DType, DTYPES, type TypedArray } from "../runtime/mod.ts";
import { defaultDtype } from "../graph/defaults.ts";
import { ShapeError } from "../graph/errors.ts";
import { numberNode } from "../graph/leaf.ts";
import { checkShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { cast, eq } from "../primitives/elementwise.ts";
import { iotaAlong } from "../primitives/iota.ts";
import { expand } from "../primitives/movement.ts";
import { checkOptions, finish, fromOwned, optionsLike, type TensorOptions } from "./build.ts";
import { newArray } from "./core.ts";
import { checkRepresentable } from "./integer_range.ts";
import { elementKind, flattenNested, type NestedInput, nestedShape } from "./nested.ts";
import { readSaved, type SavedTensor, type TensorJson } from "./serialize.ts";
import { Tensor } from "./tensor.ts";

export {
  defaultDevice,
  defaultDtype,
  setDefaultDevice,
  setDefaultDtype,
} from "../graph/defaults.ts";
export type { TensorOptions } from "./build.ts";
export type { NestedInput } from "./nested.ts";
export * from "./random/random.ts";
export * from "./random/whole.ts";
export * from "./sequences.ts";

/** What `tensor()` accepts. */
export type TensorData = NestedInput | TypedArray | Tensor | SavedTensor | TensorJson;

const OTHER_ARRAYS: Record<string, DType> = {
  Uint8ClampedArray: "uint8",
  Int8Array: "int32",
  Int16Array: "int32",
  Uint16Array: "int32",
  Uint32Array: "int64",
  BigUint64Array: "int64",
};

/**
 * Element type of each class of typed array; bytes are not booleans. Those without a type of their own
 * get the narrowest that holds them.
 */
function dtypeOfArray(data: TypedArray): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Uint8Array) return "uint8";
  if (DTYPES.float16.holds(data)) return "float16";
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  if (Object.hasOwn(OTHER_ARRAYS, kind)) return OTHER_ARRAYS[kind];
  throw new TypeError(`tensor: got a ${kind}, wants numbers nested in arrays, or a typed array.`);
}

/**
 * A tensor with the given values, which are copied.
 *
 * A number gives a scalar, nested arrays a tensor of their shape, a typed array a vector (or
 * `shape`). The dtype of numbers is the default one, of booleans bool, of big integers int64, and
 * that of a typed array its own, or the narrowest that holds its numbers, unless `dtype` says otherwise.
 * What JSON made of a tensor becomes that tensor again.
 *
 * @throws {ShapeError} where rows differ in length, or `shape` does not fit the number of elements
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * assertEquals(x.shape, [2, 2]);
 * assertEquals(x.dtype, "float32");
 * assertEquals(tensor(new Float64Array([1, 2, 3, 4]), { shape: [2, 2] }).dtype, "float64");
 * assertEquals(tensor([true, false]).dtype, "bool");
 * assertEquals(tensor(JSON.parse(JSON.stringify(x))).toArray(), [[1, 2], [3, 4]]);
 * ```
 */
export function tensor(
  data: TensorData,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  checkOptions("tensor", options, ["shape"]);
  if (data instanceof Tensor) {
    const copy = data.detach().clone();
    const y = options.dtype === undefined ? copy : copy.to(options.dtype);
    return finish("tensor", reshaped(y, options.shape).node, options);
  }
  if (ArrayBuffer.isView(data)) {
    const from = dtypeOfArray(data), dtype = options.dtype ?? from;
    const shape = options.shape ?? [data.length];
    checkCount(shape, data.length);
    const same = dtype === from && data.constructor === newArray(dtype, 0).constructor;
    const owned = same ? data.slice() : converted(data, dtype);
    return fromOwned("tensor", owned, [...shape], dtype, options);
  }
  if (!Array.isArray(data) && typeof data === "object" && data !== null) {
    const saved = readSaved(data);
    if (saved !== null) {
      const { shape = saved.shape, dtype = saved.dtype } = options;
      return tensor(saved.data, { ...options, shape, dtype });
    }
  }
  const nested = data as NestedInput, natural = nestedShape(nested), kind = elementKind(nested);
  const dtype = options.dtype ??
    (kind === "boolean" ? "bool" : kind === "bigint" ? "int64" : defaultDtype());
  const shape = options.shape ?? natural;
  const flat = flattenNested(nested, natural, dtype, options.dtype === undefined ? kind : null);
  checkCount(shape, flat.length);
  return fromOwned("tensor", flat, [...shape], dtype, options);
}

function reshaped(x: Tensor, shape: readonly number[] | undefined): Tensor {
  return shape === undefined ? x : x.reshape(shape);
}

function checkCount(shape: Shape, count: number): void {
  checkShape("tensor", shape);
  if (sizeOf(shape) !== count) {
    throw new ShapeError(
      `tensor: shape ${showShape(shape)} has ${sizeOf(shape)} elements, got ${count}; ` +
        `they must be equal.`,
    );
  }
}

/** A fresh array of another element type. */
function converted(data: TypedArray, dtype: DType): TypedArray {
  const out = newArray(dtype, data.length);
  for (let i = 0; i < data.length; i++) {
    const v = data[i];
    checkRepresentable("tensor", typeof v === "bigint" ? v : Math.trunc(v), dtype);
    if (out instanceof BigInt64Array) {
      out[i] = typeof v === "bigint" ? v : BigInt(Math.trunc(v));
    } else if (dtype === "bool") out[i] = Number(v) !== 0 ? 1 : 0;
    else out[i] = Number(v);
  }
  return out;
}

/**
 * A tensor in which every element is `value`. The dtype is the default one, bool for a boolean, int64
 * for a big integer. In bool, every number but 0 is true.
 *
 * @param shape sizes of the dimensions, `[]` for a scalar
 * @param value of every element
 * @param options `dtype`, `device`, `requiresGrad`
 * @throws {TypeError} where `shape` is no array, or `value` no number
 * @throws {RangeError} where a size is no whole number of at least 0, or the dtype cannot hold `value`
 * @throws {GradientError} where `requiresGrad` stands with a dtype that is not floating point
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { full } from "@torchopt/torchopt";
 *
 * assertEquals(full([2], 7).toArray(), [7, 7]);
 * ```
 */
export function full(
  shape: readonly number[],
  value: number | boolean | bigint,
  options: TensorOptions = {},
): Tensor {
  return filled("full", shape, value, options);
}

function filled(
  op: string,
  shape: Shape,
  value: number | boolean | bigint,
  options: TensorOptions,
): Tensor {
  checkShape(op, shape);
  checkOptions(op, options);
  const kind = typeof value;
  if (kind !== "number" && kind !== "boolean" && kind !== "bigint") {
    throw new TypeError(`${op}: the value is ${String(value)}, wants a number or a boolean.`);
  }
  const dtype = options.dtype ??
    (kind === "boolean" ? "bool" : kind === "bigint" ? "int64" : defaultDtype());
  checkRepresentable(op, typeof value === "boolean" ? Number(value) : value, dtype);
  if (!options.requiresGrad && kind !== "bigint") {
    return finish(op, expand(numberNode(Number(value), dtype), [...shape]), options);
  }
  const data = newArray(dtype, sizeOf(shape));
  if (data instanceof BigInt64Array) data.fill(BigInt(value));
  else data.fill(dtype === "bool" ? Number(Boolean(value)) : Number(value));
  return fromOwned(op, data, [...shape], dtype, options);
}

/**
 * A tensor of zeros in the default dtype.
 *
 * @param shape sizes of the dimensions, `[]` for a scalar
 * @param options `dtype`, `device`, `requiresGrad`
 * @throws {TypeError} where `shape` is no array
 * @throws {RangeError} where a size is no whole number of at least 0
 * @throws {GradientError} where `requiresGrad` stands with a dtype that is not floating point
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { zeros } from "@torchopt/torchopt";
 *
 * assertEquals(zeros([2, 2]).toArray(), [[0, 0], [0, 0]]);
 * ```
 */
export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return filled("zeros", shape, 0, options);
}

/**
 * A tensor of ones in the default dtype.
 *
 * @param shape sizes of the dimensions, `[]` for a scalar
 * @param options `dtype`, `device`, `requiresGrad`
 * @throws {TypeError} where `shape` is no array
 * @throws {RangeError} where a size is no whole number of at least 0
 * @throws {GradientError} where `requiresGrad` stands with a dtype that is not floating point
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ones } from "@torchopt/torchopt";
 *
 * assertEquals(ones([2], { dtype: "int64" }).toArray(), [1, 1]);
 * ```
 */
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return filled("ones", shape, 1, options);
}

/**
 * Zeros with shape, dtype and device of another tensor.
 *
 * @throws {GradientError} where `requiresGrad` stands with a dtype that is not floating point
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tensor, zerosLike } from "@torchopt/torchopt";
 *
 * assertEquals(zerosLike(tensor([1, 2])).toArray(), [0, 0]);
 * ```
 */
export function zerosLike(like: Tensor, options: TensorOptions = {}): Tensor {
  const own = optionsLike("zerosLike", like, options);
  return filled("zerosLike", like.shape, 0, own);
}

/**
 * Ones with shape, dtype and device of another tensor.
 *
 * @throws {GradientError} where `requiresGrad` stands with a dtype that is not floating point
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { onesLike, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(onesLike(tensor([1, 2])).toArray(), [1, 1]);
 * ```
 */
export function onesLike(like: Tensor, options: TensorOptions = {}): Tensor {
  const own = optionsLike("onesLike", like, options);
  return filled("onesLike", like.shape, 1, own);
}

/**
 * A tensor of one value with shape, dtype and device of another tensor.
 *
 * @throws {GradientError} where `requiresGrad` stands with a dtype that is not floating point
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fullLike, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(fullLike(tensor([1, 2]), 0.5).toArray(), [0.5, 0.5]);
 * ```
 */
export function fullLike(
  like: Tensor,
  value: number | boolean | bigint,
  options: TensorOptions = {},
): Tensor {
  const own = optionsLike("fullLike", like, options);
  return filled("fullLike", like.shape, value, own);
}

/**
 * The identity: ones on the diagonal of a matrix of `n` rows and `m` (default `n`) columns.
 *
 * @throws {RangeError} where a size is no whole number of at least 0
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { eye } from "@torchopt/torchopt";
 *
 * assertEquals(eye(2).toArray(), [[1, 0], [0, 1]]);
 * ```
 */
export function eye(n: number, options: TensorOptions & { m?: number } = {}): Tensor {
  checkOptions("eye", options, ["m"]);
  const { m = n, dtype = defaultDtype() } = options;
  checkShape("eye", [n, m]);
  const at = dtype === "float32" || dtype === "float64" ? dtype : "int64";
  const same = eq(iotaAlong(n, 0, 2, at), iotaAlong(m, 1, 2, at));
  return finish("eye", cast(same, dtype), options);
}
