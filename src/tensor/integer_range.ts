/**
 * Which numbers integer types can hold.
 *
 * @module
 */

import { type DType, DTYPES } from "../runtime/mod.ts";

/** Whether a type can hold a number as it is. */
export function representable(value: number | bigint, dtype: DType): boolean {
  const { bound } = DTYPES[dtype];
  if (bound === undefined) return true;
  const whole = typeof value === "bigint" || Number.isInteger(value);
  return whole && value >= -bound && value < bound;
}

/** Throws a RangeError that names `op` unless a type can hold a number as it is. */
export function checkRepresentable(op: string, value: number | bigint, dtype: DType): void {
  if (representable(value, dtype)) return;
  const range = { uint8: "0 to 255", int32: "-(2 ** 31) to 2 ** 31 - 1" }[dtype as string] ??
    "-(2 ** 63) to 2 ** 63 - 1";
  throw new RangeError(
    `${op}: ${dtype} cannot hold ${value}; give a whole number from ${range}, or use floating ` +
      `point, as in x.to("float32").`,
  );
}
