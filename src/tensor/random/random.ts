/**
 * Random tensors of floating point.
 *
 * @module
 */

import type { DType, TypedArray } from "../../runtime/mod.ts";
import { defaultDtype } from "../../graph/defaults.ts";
import { DTypeError } from "../../graph/errors.ts";
import { isDType, isFloat } from "../../graph/node.ts";
import { optionsLike } from "../build.ts";
import { newArray } from "../core.ts";
import { checkObject } from "../describe.ts";
import { largest } from "../formulas/basic.ts";
import { intoInterval } from "./intervals.ts";
import { drawn, type RandomOptions } from "./source.ts";
import type { Tensor } from "../tensor.ts";

export { Generator, type GeneratorState } from "./philox.ts";
export { defaultGenerator, manualSeed, type RandomOptions } from "./source.ts";

function floatType(op: string, options: RandomOptions): DType {
  checkObject(op, options);
  const dtype = options.dtype ?? defaultDtype();
  if (isDType(dtype) && isFloat(dtype)) return dtype;
  throw new DTypeError(
    `${op}: got dtype ${dtype}, wants floating point; randint() gives whole numbers.`,
  );
}

/** Fills floating point of any width; half precision goes through single. */
function floats(
  dtype: DType,
  n: number,
  fill: (out: Float32Array | Float64Array) => void,
): TypedArray {
  const wide = newArray(dtype === "float64" ? "float64" : "float32", n) as Float32Array;
  fill(wide);
  if (dtype !== "float16") return wide;
  const out = newArray(dtype, n);
  if (out instanceof Uint16Array) {
    throw new DTypeError(
      "random numbers in float16 need a JavaScript engine with Float16Array; draw float32 and " +
        'convert with to("float16").',
    );
  }
  (out as Float32Array).set(wide);
  return out;
}

/** Distance of the numbers of float16 below 1. */
const HALF_STEP = 2 ** -11;

/**
 * Uniform numbers from [0, 1).
 *
 * @param shape sizes of the dimensions
 * @param options `generator` (default: the global one), `dtype`, `device`, `requiresGrad`
 * @throws {TypeError} where `shape` is no array
 * @throws {DTypeError} where `dtype` is not floating point
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { rand } from "@torchopt/torchopt";
 *
 * const x = rand([10]);
 * assert(x.ge(0).all().item() && x.lt(1).all().item());
 * ```
 */
export function rand(shape: readonly number[], options: RandomOptions = {}): Tensor {
  const dtype = floatType("rand", options);
  return drawn("rand", shape, dtype, options, (g, n) =>
    floats(dtype, n, (out) => {
      g.fillUniform(out);
      // Cut to what float16 has below 1: rounding would give 1 now and then.
      if (dtype === "float16") { for (let i = 0; i < n; i++) out[i] -= out[i] % HALF_STEP; }
    }), "uniform");
}

/**
 * Numbers of the standard normal distribution.
 *
 * @param shape sizes of the dimensions
 * @param options `generator` (default: the global one), `dtype`, `device`, `requiresGrad`
 * @throws {TypeError} where `shape` is no array
 * @throws {DTypeError} where `dtype` is not floating point
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Generator, randn } from "@torchopt/torchopt";
 *
 * const x = randn([2, 3], { generator: new Generator(0) });
 * assertEquals(x.shape, [2, 3]);
 * ```
 */
export function randn(shape: readonly number[], options: RandomOptions = {}): Tensor {
  const dtype = floatType("randn", options);
  return drawn(
    "randn",
    shape,
    dtype,
    options,
    (g, n) => floats(dtype, n, (out) => g.fillNormal(out)),
    "normal",
  );
}

/**
 * Uniform numbers from [low, high) (default [0, 1)); `low` where the dtype has no number in between.
 *
 * @param shape sizes of the dimensions
 * @param options `generator` (default: the global one), `dtype`, `device`, `requiresGrad`, `low`, `high`
 * @throws {TypeError} where `shape` is no array
 * @throws {DTypeError} where `dtype` is not floating point
 * @throws {RangeError} where `low` is above `high`, or the dtype holds no such numbers
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { uniform } from "@torchopt/torchopt";
 *
 * const x = uniform([100], { low: -2, high: 2 });
 * assert(x.min().item() >= -2 && x.max().item() < 2);
 * ```
 */
export function uniform(
  shape: readonly number[],
  options: RandomOptions & { low?: number; high?: number } = {},
): Tensor {
  const dtype = floatType("uniform", options);
  const { low = 0, high = 1, ...rest } = options;
  return drawn("uniform", shape, dtype, rest, (g, n) => {
    if (n > 0) checkInterval(low, high, dtype);
    const into = intoInterval(low, high, dtype);
    return floats(dtype, n, (out) => {
      g.fillUniform(out);
      for (let i = 0; i < n; i++) out[i] = into(low + (high - low) * out[i]);
    });
  });
}

function checkInterval(low: number, high: number, dtype: DType): void {
  const most = largest(dtype);
  if (low <= high && low >= -most && high <= most && high - low <= Number.MAX_VALUE) return;
  throw new RangeError(
    `uniform: got low ${low} and high ${high}, wants low <= high, both and their distance numbers ` +
      `of ${dtype}.`,
  );
}

/**
 * Numbers of a normal distribution with the given mean (default 0) and standard deviation (default
 * 1).
 *
 * @param shape sizes of the dimensions
 * @param options `generator` (default: the global one), `dtype`, `device`, `requiresGrad`, `mean`, `std`
 * @throws {TypeError} where `shape` is no array
 * @throws {DTypeError} where `dtype` is not floating point
 * @throws {RangeError} where `std` is negative
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { normal } from "@torchopt/torchopt";
 *
 * assertEquals(normal([2], { mean: 3, std: 0 }).toArray(), [3, 3]);
 * ```
 */
export function normal(
  shape: readonly number[],
  options: RandomOptions & { mean?: number; std?: number } = {},
): Tensor {
  const dtype = floatType("normal", options);
  const { mean = 0, std = 1, ...rest } = options;
  if (!(std >= 0)) throw new RangeError(`normal: got std ${std}, wants a number >= 0.`);
  return drawn("normal", shape, dtype, rest, (g, n) =>
    floats(dtype, n, (out) => {
      g.fillNormal(out);
      for (let i = 0; i < n; i++) out[i] = mean + std * out[i];
    }));
}

/**
 * Like `rand`, with shape, dtype and device of another tensor.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { randLike, zeros } from "@torchopt/torchopt";
 *
 * assertEquals(randLike(zeros([2, 3])).shape, [2, 3]);
 * ```
 */
export function randLike(like: Tensor, options: RandomOptions = {}): Tensor {
  const own = optionsLike("randLike", like, options);
  return rand(like.shape, own);
}

/**
 * Like `randn`, with shape, dtype and device of another tensor.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { randnLike, zeros } from "@torchopt/torchopt";
 *
 * assertEquals(randnLike(zeros([2, 3])).shape, [2, 3]);
 * ```
 */
export function randnLike(like: Tensor, options: RandomOptions = {}): Tensor {
  const own = optionsLike("randnLike", like, options);
  return randn(like.shape, own);
}
