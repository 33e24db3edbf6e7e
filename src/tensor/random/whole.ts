/**
 * Random tensors of whole numbers and truth values.
 *
 * @module
 */

import type { DType, TypedArray } from "../../runtime/mod.ts";
import { defaultDtype } from "../../graph/defaults.ts";
import { DTypeError } from "../../graph/errors.ts";
import { isFloat } from "../../graph/node.ts";
import { checkOptions, optionsLike } from "../build.ts";
import { newArray } from "../core.ts";
import { checkNumber, checkObject } from "../describe.ts";
import { rand } from "./random.ts";
import { drawn, type RandomOptions } from "./source.ts";
import { Tensor } from "../tensor.ts";
import { currentTrace } from "../trace.ts";

/** Options of `randint`. */
export interface RandintOptions extends RandomOptions {
  /** Lowest number (default 0). */
  low?: number;
  /** One more than the highest number. */
  high: number;
}

/**
 * Whole numbers from `low` (default 0) to `high - 1`, each equally likely (int64 by default).
 *
 * @throws {RangeError} where `high` is not above `low`, or the dtype cannot hold all numbers in between
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { randint } from "@torchopt/torchopt";
 *
 * const x = randint([100], { low: 1, high: 7 });
 * assert(x.ge(1).all().item() && x.le(6).all().item());
 * ```
 */
export function randint(shape: readonly number[], options: RandintOptions): Tensor;
/** PyTorch's order of arguments: `randint(low, high, shape, options)`. */
export function randint(
  low: number,
  high: number,
  shape: readonly number[],
  options?: RandomOptions,
): Tensor;
export function randint(
  first: number | readonly number[],
  second: number | RandintOptions,
  third?: readonly number[],
  fourth: RandomOptions = {},
): Tensor {
  const [shape, options] = typeof first === "number"
    ? [third!, { ...fourth, low: first, high: second as number }]
    : [first, (second ?? {}) as RandintOptions];
  const { low = 0, high, ...rest } = options, { dtype = "int64" } = rest;
  checkOptions("randint", rest, ["generator"]);
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low >= high) {
    throw new RangeError(
      `randint: got low ${low} and high ${high}, wants whole numbers with low < high, ` +
        `of magnitudes below 2 ** 53.`,
    );
  }
  checkEach("randint", low, high - 1, dtype);
  const narrow = dtype !== "int64" && low >= -(2 ** 31) && high <= 2 ** 31;
  return drawn("randint", shape, dtype, rest, (g, n) => {
    const out = newArray(narrow ? "int32" : "int64", n) as BigInt64Array | Int32Array;
    g.fillInt(low, high, out);
    return dtype === "int64" || dtype === "int32" ? out : asType(out, dtype);
  });
}

/** From which size on a type does not hold every whole number. */
const WHOLE: Record<DType, readonly [low: number, high: number]> = {
  bool: [0, 1],
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  float16: [-(2 ** 11), 2 ** 11],
  float32: [-(2 ** 24), 2 ** 24],
  float64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

/** Throws a RangeError that names `op` unless a type holds every whole number from low to high. */
function checkEach(op: string, low: number, high: number, dtype: DType): void {
  const [from, to] = WHOLE[dtype];
  if (low >= from && high <= to) return;
  throw new RangeError(
    `${op}: ${dtype} does not hold each whole number from ${low} to ${high}, but from ${from} to ` +
      `${to}; give another dtype.`,
  );
}

/**
 * Ones with probability `p` (default 0.5) and zeros, in the default dtype. Given a tensor, its
 * elements are the probabilities and its dtype is kept.
 *
 * @throws {RangeError} where `p`, or an element that is known already, is not in [0, 1]
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bernoulli, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(bernoulli([3], { p: 1 }).toArray(), [1, 1, 1]);
 * assertEquals(bernoulli(tensor([0, 1])).toArray(), [0, 1]);
 * ```
 */
export function bernoulli(
  shape: readonly number[] | Tensor,
  options: RandomOptions & { p?: number } = {},
): Tensor {
  checkObject("bernoulli", options);
  if (shape instanceof Tensor) {
    checkOptions("bernoulli", options, ["generator"]);
    const { dtype = shape.dtype, ...rest } = options;
    checkProbabilities(shape);
    return rand(shape.shape, { device: shape.device, ...rest, dtype: shape.dtype }).lt(shape).to(
      dtype,
    );
  }
  const { p = 0.5, ...rest } = options, { dtype = defaultDtype() } = rest;
  return drawn("bernoulli", shape, dtype, rest, (g, n) => {
    const out = newArray("bool", n) as Uint8Array;
    g.fillBernoulli(p, out);
    return dtype === "bool" || dtype === "uint8" ? out : asType(out, dtype);
  });
}

function checkProbabilities(x: Tensor): void {
  if (!isFloat(x.dtype)) {
    throw new DTypeError(
      `bernoulli: the probabilities are ${x.dtype}, wants floating point; convert them with ` +
        `to("float32").`,
    );
  }
  // Those that are still to be computed stay unread.
  const { storage } = x.node;
  if (storage === null || !storage.onHost || currentTrace() !== null) return;
  for (const p of x.data()) {
    if (!(p >= 0 && p <= 1)) {
      throw new RangeError(`bernoulli: a probability is from 0 to 1, got ${p}.`);
    }
  }
}

/**
 * The numbers 0 to n - 1 in random order (int64 by default).
 *
 * @throws {RangeError} where `n` is no whole number of at least 0, or the dtype cannot hold all numbers
 *   below it
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { randperm } from "@torchopt/torchopt";
 *
 * assertEquals(randperm(4).sort().values.toArray(), [0, 1, 2, 3]);
 * ```
 */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  checkOptions("randperm", options, ["generator"]);
  const dtype = options.dtype ?? "int64";
  checkNumber("randperm", "n", n);
  checkEach("randperm", 0, n - 1, dtype);
  return drawn("randperm", [n], dtype, options, (g) => {
    const order = g.permutation(n);
    return dtype === "int32" ? order : asType(order, dtype);
  });
}

/**
 * Like `randint`, with shape, dtype and device of another tensor.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { randintLike, zeros } from "@torchopt/torchopt";
 *
 * assertEquals(randintLike(zeros([2]), { low: 4, high: 5 }).toArray(), [4, 4]);
 * ```
 */
export function randintLike(like: Tensor, options: RandintOptions): Tensor {
  const own = optionsLike("randintLike", like, options);
  return randint(like.shape, own);
}

function asType(from: Int32Array | Uint8Array | BigInt64Array, dtype: DType): TypedArray {
  const out = newArray(dtype, from.length);
  for (let i = 0; i < from.length; i++) {
    if (out instanceof BigInt64Array) out[i] = BigInt(from[i]);
    else out[i] = Number(from[i]);
  }
  return out;
}
