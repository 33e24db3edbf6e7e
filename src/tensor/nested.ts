/**
 * Nested arrays of numbers as flat data.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import { type DType, newArray, type TypedArray } from "../runtime/mod.ts";
import { isFloat } from "../graph/node.ts";
import type { NestedArray } from "./core.ts";
import { describe } from "./describe.ts";
import { checkRepresentable, representable } from "./integer_range.ts";

/** Numbers, booleans or big integers nested in arrays, all of one kind. */
export type NestedInput = number | boolean | bigint | readonly NestedInput[];

/** Kind of the elements of a nested array. */
export type ElementKind = "number" | "boolean" | "bigint";

/** Shape of a nested array along its first elements. */
export function nestedShape(data: NestedInput): number[] {
  const shape: number[] = [];
  let at: NestedInput | undefined = data;
  while (Array.isArray(at)) {
    shape.push(at.length);
    at = at[0];
  }
  return shape;
}

/** The first element's kind; a nested array without elements counts as numbers. */
export function elementKind(data: NestedInput): ElementKind {
  let at: NestedInput | undefined = data;
  while (Array.isArray(at)) at = at[0];
  return typeof at === "bigint" ? "bigint" : typeof at === "boolean" ? "boolean" : "number";
}

/**
 * The elements in row-major order. Throws a ShapeError that names the first place out of shape, and a
 * TypeError for one that does not go with the kind that the type was chosen for (null: any does).
 */
export function flattenNested(
  data: NestedInput,
  shape: readonly number[],
  dtype: DType,
  kind: ElementKind | null,
): TypedArray {
  let size = 1;
  for (const d of shape) size *= d;
  const out = newArray(dtype, size);
  const big = out instanceof BigInt64Array;
  const path: number[] = [];
  let at = 0;
  const where = () => `data${path.map((i) => `[${i}]`).join("")}`;
  const fill = (value: NestedInput, dim: number): void => {
    if (dim < shape.length) {
      if (!Array.isArray(value) || value.length !== shape[dim]) {
        const got = Array.isArray(value)
          ? `${value.length} element(s)`
          : `${typeof value} ${value}`;
        throw new ShapeError(
          `tensor: ${where()} is ${got}, but the first elements say ${shape[dim]} element(s) at ` +
            `this depth; all rows must have equal lengths.`,
        );
      }
      for (let i = 0; i < value.length; i++) {
        path.push(i);
        fill(value[i], dim + 1);
        path.pop();
      }
      return;
    }
    if (Array.isArray(value)) {
      throw new ShapeError(
        `tensor: ${where()} is an array, but the first elements say that it is a number; all rows ` +
          `must have equal depths.`,
      );
    }
    if (typeof value !== "number" && typeof value !== "boolean" && typeof value !== "bigint") {
      throw new TypeError(`tensor: ${where()} is ${describe(value)}, wants a number or a boolean.`);
    }
    const apart = kind === "boolean"
      ? typeof value !== "boolean"
      : kind === "bigint" && typeof value === "number" && !Number.isInteger(value);
    if (apart) {
      throw new TypeError(
        `tensor: ${where()} is ${value} among elements of the kind ${kind}; give a dtype.`,
      );
    }
    if (!isFloat(dtype)) {
      const whole = typeof value === "bigint" ? value : Math.trunc(Number(value));
      if (!representable(whole, dtype)) checkRepresentable(`tensor: ${where()}`, whole, dtype);
    }
    if (big) out[at++] = wholeNumber(value);
    else if (dtype === "bool") out[at++] = Number(value) !== 0 ? 1 : 0;
    else out[at++] = Number(value);
  };
  fill(data, 0);
  return out;
}

function wholeNumber(value: number | boolean | bigint): bigint {
  return typeof value === "number" ? BigInt(Math.trunc(value)) : BigInt(value);
}

/** Elements as nested arrays; a plain number (or boolean) for a scalar. */
export function nest(data: TypedArray, shape: readonly number[], dtype: DType): NestedArray {
  let at = 0;
  const build = (dim: number): NestedArray => {
    if (dim === shape.length) {
      const v = Number(data[at++]);
      return dtype === "bool" ? v !== 0 : v;
    }
    return Array.from({ length: shape[dim] }, () => build(dim + 1));
  };
  return build(0);
}
