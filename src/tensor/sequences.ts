/**
 * Numbers that go over a range.
 *
 * @module
 */

import { defaultDtype } from "../graph/defaults.ts";
import { DTypeError } from "../graph/errors.ts";
import { isFloat } from "../graph/node.ts";
import { checkOptions, fromOwned, type TensorOptions } from "./build.ts";
import { newArray } from "./core.ts";
import { checkNumber } from "./describe.ts";
import { checkRepresentable, representable } from "./integer_range.ts";
import { checkWhole } from "./methods/operands.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Numbers from `start` up to (not including) `end` in steps. With one number, from 0. Whole numbers
 * have the dtype int64 only if asked for; the default is the default dtype. In an integer dtype, the
 * fractions of start, end and step are cut off first.
 *
 * @throws {RangeError} where the step is 0 or leads away from `end`, or an integer dtype cannot hold an
 *   element
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arange } from "@torchopt/torchopt";
 *
 * assertEquals(arange(3).toArray(), [0, 1, 2]);
 * assertEquals(arange(1, 2, 0.25).toArray(), [1, 1.25, 1.5, 1.75]);
 * ```
 */
export function arange(end: number, options?: TensorOptions): Tensor;
/** Numbers from `start` up to (not including) `end` in steps of `step` (default 1). */
export function arange(start: number, end: number, options?: TensorOptions): Tensor;
/** Numbers from `start` up to (not including) `end` in steps of `step`. */
export function arange(start: number, end: number, step: number, options?: TensorOptions): Tensor;
export function arange(...args: (number | TensorOptions | undefined)[]): Tensor {
  const last = args.at(-1), given = args.length > 1 && typeof last !== "number";
  const numbers = (given ? args.slice(0, -1) : args).filter((a) => a !== undefined) as number[];
  const options = (given ? last : undefined) as TensorOptions | undefined ?? {};
  if (numbers.length === 0 || numbers.length > 3) {
    throw new TypeError(
      `arange: got ${numbers.length} numbers, wants end, or start, end and step.`,
    );
  }
  numbers.forEach((n, i) => checkNumber("arange", `argument ${i}`, n));
  checkOptions("arange", options);
  const parts = numbers.length === 1 ? [0, numbers[0]] : numbers;
  const whole = parts.map(cutter(options)), [first, , by = 1] = whole;
  // PyTorch counts in whole numbers for int64, and before fractions are cut off for other types.
  const [start, end, step = 1] = options.dtype === "int64" ? whole : parts;
  if (
    step === 0 || by === 0 || !Number.isFinite((end - start) / step) || (end - start) / step < 0
  ) {
    throw new RangeError(
      `arange: cannot go from ${start} to ${end} in steps of ${
        by && step
      }; the step leads from start ` +
        `towards end and is not 0.`,
    );
  }
  const n = Math.ceil((end - start) / step);
  if (options.dtype !== "int64") return sequence("arange", n, (i) => first + i * by, options);
  // Sums of floating point would be rounded beyond 2 ** 53.
  const from = BigInt(first), distance = BigInt(by);
  return sequence("arange", n, (i) => from + BigInt(i) * distance, options);
}

/**
 * `steps` numbers from `start` to `end`, both included, evenly spaced; in an integer dtype, with their
 * fractions cut off, those of the ends too.
 *
 * @throws {RangeError} where `steps` is no whole number of at least 0, or an integer dtype cannot hold
 *   an element
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { linspace } from "@torchopt/torchopt";
 *
 * assertEquals(linspace(0, 1, 3).toArray(), [0, 0.5, 1]);
 * ```
 */
export function linspace(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions = {},
): Tensor {
  checkNumber("linspace", "start", start);
  checkNumber("linspace", "end", end);
  checkWhole("linspace", "steps", steps, 0);
  checkOptions("linspace", options);
  const cut = cutter(options);
  const from = cut(start), to = cut(end), step = steps > 1 ? (to - from) / (steps - 1) : 0;
  // Counted from the nearer end, so that both ends are exact.
  const at = (i: number) => cut(i < steps / 2 ? from + i * step : to - (steps - 1 - i) * step);
  return sequence("linspace", steps, at, options);
}

/**
 * `steps` powers of `base` (default 10) with evenly spaced exponents from `start` to `end`; in an
 * integer dtype, with their fractions cut off, those of the ends too.
 *
 * @throws {RangeError} where `steps` is no whole number of at least 0, or an integer dtype cannot hold
 *   an element
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { logspace } from "@torchopt/torchopt";
 *
 * assertEquals(logspace(0, 2, 3).toArray(), [1, 10, 100]);
 * ```
 */
export function logspace(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions & { base?: number } = {},
): Tensor {
  checkNumber("logspace", "start", start);
  checkNumber("logspace", "end", end);
  checkWhole("logspace", "steps", steps, 0);
  checkOptions("logspace", options, ["base"]);
  const { base = 10, ...rest } = options;
  checkNumber("logspace", "base", base);
  const cut = cutter(options), from = cut(start);
  const step = steps > 1 ? (cut(end) - from) / (steps - 1) : 0;
  return sequence("logspace", steps, (i) => cut(base ** (from + i * step)), rest);
}

/** What cuts fractions off for integer types, as PyTorch does where numbers go over a range. */
function cutter({ dtype = "float32" }: TensorOptions): (value: number) => number {
  return isFloat(dtype) ? (value) => value : Math.trunc;
}

function sequence(
  op: string,
  n: number,
  at: (i: number) => number | bigint,
  options: TensorOptions,
): Tensor {
  checkOptions(op, options);
  const dtype = options.dtype ?? defaultDtype();
  if (dtype === "bool") throw new DTypeError(`${op}: got dtype bool, wants one of numbers.`);
  const data = newArray(dtype, n), whole = !isFloat(dtype);
  for (let i = 0; i < n; i++) {
    const value = at(i);
    if (whole && !representable(value, dtype)) checkRepresentable(op, value, dtype);
    if (data instanceof BigInt64Array) data[i] = BigInt(value);
    else data[i] = Number(value);
  }
  return fromOwned(op, data, [n], dtype, options);
}
