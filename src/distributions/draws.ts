/**
 * Noise that samples are made of.
 *
 * @module
 */

import { rand, randn } from "../tensor/random/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { SampleOptions } from "./distribution.ts";
import { logGammaQuantile } from "./special/incomplete_gamma.ts";

/** The least number above 0 that stands for a uniform number of 0. */
const LEAST = { float64: 2 ** -54, float32: 2 ** -25, float16: 2 ** -12 };

/** Uniform numbers between 0 and 1, neither of which is among them, of the type of `like` and there. */
export function openUniform(
  shape: readonly number[],
  { dtype, device }: Tensor,
  { generator }: SampleOptions,
): Tensor {
  return rand(shape, { dtype, device, generator }).clamp(LEAST[dtype as keyof typeof LEAST]);
}

/** Numbers of the standard normal distribution, of the type of `like` and where it is. */
export function standardNormal(
  shape: readonly number[],
  { dtype, device }: Tensor,
  { generator }: SampleOptions,
): Tensor {
  return randn(shape, { dtype, device, generator });
}

/** Logarithms of gamma samples of rate 1, which do not vanish where a is small. */
export function logGammaSample(
  a: Tensor,
  shape: readonly number[],
  options: SampleOptions,
): Tensor {
  const u = openUniform(shape, a, options);
  return logGammaQuantile(a, u);
}
