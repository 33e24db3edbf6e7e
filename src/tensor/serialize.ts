/**
 * Tensors as plain data, for files.
 *
 * @module
 */

import { isDType } from "../graph/node.ts";
import { type DType, DTYPES, type TypedArray } from "../runtime/mod.ts";
import { newArray, TensorCore } from "./core.ts";
import { representable } from "./integer_range.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor as plain data; `structuredClone` copies it, and files can hold it. */
export type SavedTensor = {
  /** Sizes of the dimensions. */
  shape: readonly number[];
  /** Element type. */
  dtype: DType;
  /** Elements in row-major order. */
  data: TypedArray;
};

/** A tensor in JSON: numbers; as text what JSON has no number for (`"NaN"`, large int64). */
export type TensorJson = {
  /** Sizes of the dimensions. */
  shape: readonly number[];
  /** Element type. */
  dtype: DType;
  /** Elements in row-major order. */
  data: readonly (number | string)[];
};

/** A saved tensor in JSON; nothing is lost. */
export function toJson({ shape, dtype, data }: SavedTensor): TensorJson {
  const list = Array.from(data as ArrayLike<number | bigint>, (value): number | string => {
    const number = Number(value);
    const exact = typeof value === "bigint"
      ? Number.isSafeInteger(number)
      : Number.isFinite(number) && !Object.is(number, -0);
    if (exact) return number;
    return Object.is(value, -0) ? "-0" : String(value);
  });
  return { shape, dtype, data: list };
}

/** A saved tensor that JSON.stringify writes as {@linkcode toJson} does, and that is plain else. */
export function saved(shape: readonly number[], dtype: DType, data: TypedArray): SavedTensor {
  const result: SavedTensor = { shape: [...shape], dtype, data };
  return Object.defineProperty(result, "toJSON", { value: () => toJson(result) });
}

/**
 * What a tensor, a saved tensor or one from JSON holds; null where the value is none of these. There
 * may be more or fewer elements than the shape has.
 */
export function readSaved(value: unknown): SavedTensor | null {
  if (value instanceof TensorCore) {
    return { shape: value.shape, dtype: value.dtype, data: (value as Tensor).data() };
  }
  const { shape, dtype, data } = (value ?? {}) as Partial<SavedTensor | TensorJson>;
  if (!Array.isArray(shape) || typeof dtype !== "string" || !isDType(dtype)) {
    return null;
  }
  const elements = Array.isArray(data) ? fromList(dtype, data) : data;
  if (!ArrayBuffer.isView(elements)) return null;
  // A bool is a byte of 0 or 1, whatever stands in a file.
  const bytes = dtype === "bool" && elements instanceof Uint8Array;
  return { shape, dtype, data: bytes ? elements.map((v) => v === 0 ? 0 : 1) : elements };
}

/** Whether the elements are in the array that belongs to their type. */
export function isTyped({ dtype, data }: SavedTensor): boolean {
  return DTYPES[dtype].holds(data);
}

function fromList(dtype: DType, list: readonly unknown[]): TypedArray | null {
  const data = newArray(dtype, list.length);
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    const text = typeof value === "string", number = Number(value);
    if (data instanceof BigInt64Array) {
      if (text ? !/^-?\d+$/.test(value) : !Number.isInteger(value)) return null;
      data[i] = BigInt(value as string | number);
    } else {
      if (text ? !/^(NaN|-?Infinity|-0)$/.test(value) : typeof value !== "number") return null;
      if (!representable(number, dtype)) return null;
      data[i] = number;
    }
  }
  return data;
}
