/**
 * Where random numbers come from, and how tensors of them are made: now, or before each run of a
 * compiled function. Numbers are drawn on the host, so a seed gives the same ones on every device.
 *
 * @module
 */

import { type DType, Storage, type TypedArray } from "../../runtime/mod.ts";
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
 * A tensor whose data `fill` draws: now, or before each run of the function that is being compiled.
 */
export function drawn(
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
