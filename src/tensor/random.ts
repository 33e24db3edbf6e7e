/**
 * Random tensors. Numbers are drawn on the host, so a seed gives the same ones on every device.
 * @module
 */

import { type DType, Storage, type TypedArray } from "../runtime/mod.ts";
import { defaultDevice, defaultDtype } from "../graph/defaults.ts";
import { DTypeError } from "../graph/errors.ts";
import { bufferNode } from "../graph/leaf.ts";
import { isFloat } from "../graph/node.ts";
import { checkShape, sizeOf } from "../graph/shape.ts";
import { checkOptions, finish, optionsLike, type TensorOptions } from "./build.ts";
import { newArray } from "./core.ts";
import { Generator } from "./philox.ts";
import { Tensor } from "./tensor.ts";
import { currentTrace, type Draw } from "./trace.ts";

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
  const dtype = options.dtype ?? defaultDtype();
  if (isFloat(dtype)) return dtype;
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
  return drawn(
    "rand",
    shape,
    dtype,
    options,
    (g, n) => floats(dtype, n, (out) => g.fillUniform(out)),
  );
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
 * Uniform numbers from [low, high) (default [0, 1)).
 *
 * @param shape sizes of the dimensions
 * @param options `generator` (default: the global one), `dtype`, `device`, `requiresGrad`, `low`, `high`
 * @throws {TypeError} where `shape` is no array
 * @throws {DTypeError} where `dtype` is not floating point
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { uniform } from "@torchopt/torchopt";
 *
 * const x = uniform([100], { low: -2, high: 2 });
 * assert(x.abs().max().item() <= 2);
 * ```
 */
export function uniform(
  shape: readonly number[],
  options: RandomOptions & { low?: number; high?: number } = {},
): Tensor {
  const dtype = floatType("uniform", options);
  const { low = 0, high = 1, ...rest } = options;
  return drawn("uniform", shape, dtype, rest, (g, n) =>
    floats(dtype, n, (out) => {
      g.fillUniform(out);
      for (let i = 0; i < n; i++) out[i] = low + (high - low) * out[i];
    }));
}

/**
 * Numbers of a normal distribution with the given mean (default 0) and standard deviation (default
 * 1).
 *
 * @param shape sizes of the dimensions
 * @param options `generator` (default: the global one), `dtype`, `device`, `requiresGrad`, `mean`, `std`
 * @throws {TypeError} where `shape` is no array
 * @throws {DTypeError} where `dtype` is not floating point
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
 * @throws {RangeError} where `high` is not above `low`
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
  return drawn("randint", shape, dtype, rest, (g, n) => {
    const out = newArray(dtype === "int64" ? "int64" : "int32", n) as BigInt64Array | Int32Array;
    g.fillInt(low, high, out);
    return dtype === "int64" || dtype === "int32" ? out : asType(out as Int32Array, dtype);
  });
}

/**
 * Ones with probability `p` (default 0.5) and zeros, in the default dtype. Given a tensor, its
 * elements are the probabilities and its dtype is kept.
 *
 * @throws {RangeError} where `p` is not in [0, 1]
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
  if (shape instanceof Tensor) {
    const { dtype = shape.dtype, ...rest } = options;
    return rand(shape.shape, { ...rest, dtype: shape.dtype }).lt(shape).to(dtype);
  }
  const { p = 0.5, ...rest } = options, { dtype = defaultDtype() } = rest;
  return drawn("bernoulli", shape, dtype, rest, (g, n) => {
    const out = newArray("bool", n) as Uint8Array;
    g.fillBernoulli(p, out);
    return dtype === "bool" || dtype === "uint8" ? out : asType(out, dtype);
  });
}

/**
 * The numbers 0 to n - 1 in random order (int64 by default).
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
  const dtype = options.dtype ?? "int64";
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
  return rand(like.shape, optionsLike(like, options));
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
  return randn(like.shape, optionsLike(like, options));
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
  return randint(like.shape, optionsLike(like, options));
}

function asType(from: Int32Array | Uint8Array, dtype: DType): TypedArray {
  const out = newArray(dtype, from.length);
  if (out instanceof BigInt64Array) from.forEach((v, i) => out[i] = BigInt(v));
  else (out as Float32Array).set(from);
  return out;
}
