/**
 * Which values may be written into a tensor of another type.
 *
 * @module
 */

import { DTypeError } from "../graph/errors.ts";
import { type DType, DTYPES } from "../runtime/mod.ts";

/** Each kind holds the ones before it. */
const KINDS = ["bool", "integer", "float"];

function kind(dtype: DType): number {
  return KINDS.indexOf(DTYPES[dtype].kind);
}

function refuse(op: string, from: DType, to: DType): never {
  const lost = to === "bool"
    ? `a bool tensor holds 0 and 1 only; compare the values first, as in y.ne(0)`
    : kind(from) <= kind(to)
    ? `both have to be of one type; convert the values first, as in y.to("${to}")`
    : `their fractions would be lost; convert them first, as in y.to("${to}") (or y.round())`;
  throw new DTypeError(
    `${op}: ${from} values do not go into a tensor of ${to}: ${lost}, or the tensor, as in ` +
      `x.to("${from}").`,
  );
}

/**
 * Throws a DTypeError that names `op` where a type cannot hold values of another kind: fractions do not
 * go into whole numbers, numbers not into truth values.
 */
export function checkKind(op: string, from: DType, to: DType): void {
  if (kind(from) > kind(to)) refuse(op, from, to);
}

/** Throws a DTypeError that names `op` unless both types are one. */
export function checkSameType(op: string, from: DType, to: DType): void {
  if (from !== to) refuse(op, from, to);
}
