/**
 * Where random numbers come from, and how tensors of them are made: now, or before each run of a
 * compiled function. A seed gives the same numbers on every device.
 *
 * @module
 */

import { type Device, type DType, isOnHost, Storage, type TypedArray } from "../../runtime/mod.ts";
import { defaultDevice } from "../../graph/defaults.ts";
import { bufferNode } from "../../graph/leaf.ts";
import { checkShape, sizeOf } from "../../graph/shape.ts";
import { checkOptions, finish, type TensorOptions } from "../build.ts";
import { newArray } from "../core.ts";
import { Generator } from "./philox.ts";
import type { Tensor } from "../tensor.ts";
import { currentTrace, type Draw } from "../trace.ts";

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
 * A tensor whose data `fill` draws: now, or before each run of the function that is being compiled. What
 * is nothing but uniform or normal numbers (`onDevice`), a device may make in its own memory.
 */
export function drawn(
  op: string,
  shape: readonly number[],
  dtype: DType,
  options: RandomOptions,
  fill: (generator: Generator, n: number) => TypedArray,
  onDevice?: "uniform" | "normal",
): Tensor {
  checkShape(op, shape);
  checkOptions(op, options, ["generator"]);
  const { generator = globalGenerator, device = defaultDevice(), requiresGrad } = options;
  const size = sizeOf(shape), sizes = [...shape];
  const draw: Draw = (lead = []) => {
    const own = onDevice === undefined || lead.length > 0
      ? null
      : drawnBy(device, generator, dtype, size, onDevice === "normal");
    if (own !== null) return bufferNode(own, sizes);
    const data = lead.length === 0
      ? fill(generator, size)
      : joined(dtype, size, Array.from({ length: sizeOf(lead) }, () => fill(generator, size)));
    return bufferNode(Storage.from(data, dtype, device), [...lead, ...sizes]);
  };
  const trace = currentTrace();
  return finish(op, trace === null ? draw() : trace.drawLater(draw), { requiresGrad });
}

/** The numbers that a generator would give, made by a device; null where it does not. */
function drawnBy(
  device: Device,
  generator: Generator,
  dtype: DType,
  size: number,
  normal: boolean,
): Storage | null {
  if (isOnHost(device) || dtype !== "float32" && dtype !== "float64") return null;
  const { seed, offset } = generator.state, number = BigInt(seed);
  const key = Uint32Array.of(Number(number & 0xffffffffn), Number(number >> 32n));
  const storage = Storage.random(dtype, size, device, { normal, key, offset });
  // As `fillUniform` and `fillNormal` do: whole blocks of four words are used up.
  const blocks = Math.ceil(size / (dtype === "float32" ? 4 : 2));
  if (storage !== null) generator.state = { seed, offset: offset + blocks };
  return storage;
}

/** Numbers drawn for each example of a batch, one after another. */
function joined(dtype: DType, size: number, parts: readonly TypedArray[]): TypedArray {
  const all = newArray(dtype, parts.length * size);
  parts.forEach((part, i) => (all as Float32Array).set(part as Float32Array, i * size));
  return all;
}
