/**
 * Directions for zero-order estimates: noise in the shapes of what is differentiated.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { sameShape, showShape } from "../../graph/shape.ts";
import { concat, stack } from "../../tensor/functions.ts";
import { describe } from "../../tensor/describe.ts";
import { checkTensor } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Settings } from "./options.ts";
import { orthogonalized } from "./orthogonal.ts";
import type { Samplable, SampleFunction } from "./types.ts";

/** Throws a TypeError unless a value can draw noise. */
export function checkDistribution(
  op: string,
  distribution: unknown,
): asserts distribution is Samplable | SampleFunction {
  if (typeof distribution === "function") return;
  if (typeof (distribution as Partial<Samplable> | null)?.sample === "function") return;
  throw new TypeError(
    `${op}: the distribution is ${
      describe(distribution)
    }, wants an object with sample(shape), or ` +
      `a function of the shape, such as (shape) => randn(shape).`,
  );
}

function checkNoise(op: string, noise: unknown, shape: readonly number[]): Tensor {
  checkTensor(op, "what the distribution gave", noise);
  if (sameShape(noise.shape, shape)) return noise;
  throw new ShapeError(
    `${op}: the distribution gave noise of shape ${showShape(noise.shape)}, wants ` +
      `${showShape(shape)}, the shape it was asked for.`,
  );
}

/** `count` samples for each of `leaves`, drawn sample by sample and in each leaf by leaf. */
function draw(
  op: string,
  distribution: Samplable | SampleFunction,
  leaves: readonly Tensor[],
  count: number,
): Tensor[] {
  if (typeof distribution !== "function" && distribution.sampleBatch !== undefined) {
    return leaves.map(({ shape }) =>
      checkNoise(op, distribution.sampleBatch!(count, shape), [count, ...shape])
    );
  }
  const sample: SampleFunction = typeof distribution === "function"
    ? distribution
    : (shape) => distribution.sample(shape);
  const drawn = Array.from(
    { length: count },
    () => leaves.map(({ shape }) => checkNoise(op, sample([...shape]), shape)),
  );
  return leaves.map((_, j) => stack(drawn.map((noise) => noise[j])));
}

/**
 * Directions for each of `leaves`, in its type: tensors [numSamples, ...shape].
 *
 * @throws {TypeError} where the distribution gives no tensor
 * @throws {ShapeError} where it gives another shape than it was asked for
 */
export function directions(
  op: string,
  distribution: Samplable | SampleFunction,
  leaves: readonly Tensor[],
  { numSamples, mirrored, orthogonal }: Settings,
): Tensor[] {
  const count = mirrored ? numSamples / 2 : numSamples;
  let noise = draw(op, distribution, leaves, count).map((z, j) => z.to(leaves[j].dtype));
  if (orthogonal) noise = together(noise, orthogonalized);
  return mirrored ? noise.map((z) => stack([z, z.neg()], 1).flatten(0, 1)) : noise;
}

/** What `change` makes of rows that hold the numbers of all leaves, one row for each sample. */
function together(noise: readonly Tensor[], change: (rows: Tensor) => Tensor): Tensor[] {
  if (noise.length === 0) return [];
  const changed = change(concat(noise.map((z) => z.reshape(z.shape[0], -1)), 1));
  let from = 0;
  return noise.map((z) => {
    const size = z.size / z.shape[0];
    return changed.narrow(1, (from += size) - size, size).to(z.dtype).reshape(z.shape);
  });
}
