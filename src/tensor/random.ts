/**
 * Random tensors. Numbers are drawn on the host, so a seed gives the same ones on every device.
 * @module
 */

import { type DType, Storage, type TypedArray } from "../runtime/mod.ts";
import { defaultDevice, defaultDtype } from "../graph/defaults.ts";
import { DTypeError } from "../graph/errors.ts";
import { bufferNode } from "../graph/leaf.ts";
import { isDType, isFloat } from "../graph/node.ts";
import { checkShape, sizeOf } from "../graph/shape.ts";
import { checkOptions, finish, optionsLike, type TensorOptions } from "./build.ts";
import { newArray } from "./core.ts";
import { largest } from "./formulas.ts";
import { intoInterval } from "./intervals.ts";
import { Generator } from "./philox.ts";
import { Tensor } from "./tensor.ts";
import { currentTrace, type Draw } from "./trace.ts";
import { checkNumber, checkObject } from "./describe.ts";

export { Generator, type GeneratorState } from "./philox.ts";

/** Options of functions that make random tensors. */
export interface RandomOptions extends TensorOptions {
  /** Source of the numbers (default: the global one, see `manualSeed`). */
  generator?: Generator;
}

const globalGenerator: Generator = new Generator();

/**
 * The generator that serves where none is given.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defaultGenerator, manualSeed } from "@torchopt/torchopt";
 *
 * manualSeed(5);
 * assertEquals(defaultGenerator().seed, 5n);
 * ```
 */
export function defaultGenerator(): Generator {
  return globalGenerator;
}

/**
 * Seeds the global generator and returns it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { manualSeed, randn } from "@torchopt/torchopt";
 *
 * manualSeed(1);
 * const a = randn([3]).toArray();
 * manualSeed(1);
 * assertEquals(randn([3]).toArray(), a);
 * ```
 */
export function manualSeed(seed: number | bigint): Generator {
  globalGenerator.seed = seed;
  return globalGenerator;
}

/**
 * A tensor whose data `fill` draws: now, or before each run of the function that is being compiled.
 */
function drawn(
  op: string,
  shape: readonly number[],
  dtype: DType,
  options: RandomOptions,
  fill: (generator: Generator, n: number) => TypedArray,
): Tensor {
  checkShape(op, shape);
  checkOptions(op, options, ["generator"]);
  const { generator = globalGenerator, device = defaultDevice(), requiresGrad } = options;
  const size = sizeOf(shape), sizes = [...shape];
  const draw: Draw = (lead = []) => {
    const data = lead.length === 0
      ? fill(generator, size)
      : joined(dtype, size, Array.from({ length: sizeOf(lead) }, () => fill(generator, size)));
    return bufferNode(Storage.from(data, dtype, device), [...lead, ...sizes]);
  };
  const trace = currentTrace();
  return finish(op, trace === null ? draw() : trace.drawLater(draw), { requiresGrad });
}

/** Numbers drawn for each example of a batch, one after another. */
function joined(dtype: DType, size: number, parts: readonly TypedArray[]): TypedArray {
  const all = newArray(dtype, parts.length * size);
  parts.forEach((part, i) => (all as Float32Array).set(part as Float32Array, i * size));
  return all;
}

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
    }));
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
      `randint: got low ${low} and high ${high}, wants whole numbers with low < high.`,
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
    return rand(shape.shape, { ...rest, dtype: shape.dtype }).lt(shape).to(dtype);
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
  if (storage === null || storage.device !== "cpu" || currentTrace() !== null) return;
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
