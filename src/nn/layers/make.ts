/**
 * Parameters of layers.
 *
 * @module
 */

import { zeros } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { calculateFan, kaimingUniform_, uniform_ } from "../init.ts";
import { Parameter } from "../parameter.ts";
import type { BiasOptions, LayerOptions } from "./options.ts";
import { namesOf } from "../functional/names.ts";
import { describe } from "../../tensor/describe.ts";

/** Names of `LayerOptions`. */
export const LAYER = namesOf<LayerOptions>({ dtype: true, device: true, generator: true });
/** Names of `BiasOptions`. */
export const BIAS: readonly string[] = [...LAYER, "bias"];

/** A parameter of a shape, filled by an initialiser. */
export function parameter(
  shape: readonly number[],
  { dtype, device }: LayerOptions,
  init: (x: Tensor) => Tensor,
): Parameter {
  return new Parameter(init(zeros(shape, { dtype, device })));
}

/** Weight and bias as PyTorch's linear and convolution layers start: U(-1/sqrt(fanIn), 1/sqrt(fanIn)). */
export function weightAndBias(
  shape: readonly number[],
  outputs: number,
  options: BiasOptions,
): [Parameter, Parameter | null] {
  const { bias = true, generator } = options;
  const weight = parameter(
    shape,
    options,
    (x) => kaimingUniform_(x, { a: Math.sqrt(5), generator }),
  );
  if (!bias) return [weight, null];
  const bound = 1 / Math.sqrt(calculateFan(weight).fanIn);
  return [
    weight,
    parameter([outputs], options, (x) => uniform_(x, { low: -bound, high: bound, generator })),
  ];
}

/** Throws a RangeError unless all values are whole numbers of at least 1. */
export function checkSizes(layer: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${layer}: ${name} is ${describe(value)}, wants a whole number >= 1.`);
    }
  }
}
