/**
 * Gradients from values along directions.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { sameShape, showShape } from "../../graph/shape.ts";
import { describe } from "../../tensor/describe.ts";
import { checkTensor } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Settings } from "./options.ts";
import { centredRanks } from "./ranks.ts";
import type { Shaping } from "./types.ts";

/** Multiples of sigma at which a method needs values; those of 0 are the value itself. */
export function signsOf({ method, commonRandomNumbers }: Settings): readonly number[] {
  if (method === "antithetic") return [1, -1];
  return method === "forward" && commonRandomNumbers ? [1, 0] : [1];
}

function shaped(op: string, values: Tensor, valid: Tensor | null, shaping: Shaping): Tensor {
  if (shaping === "none") return values;
  const flat = values.flatten();
  if (shaping === "ranks") {
    return centredRanks(flat, valid?.flatten() ?? null).reshape(values.shape);
  }
  const own: unknown = shaping(flat);
  checkTensor(op, `what shaping gave for values`, own);
  if (sameShape(own.shape, flat.shape)) return own.reshape(values.shape);
  throw new ShapeError(
    `${op}: shaping gave ${describe(own)} for values of shape ${showShape(flat.shape)}; the ` +
      `shapes must be equal.`,
  );
}

/**
 * What each direction weighs: a tensor [n], so that the gradient is the sum of weight times
 * direction.
 *
 * @param op what messages call the caller
 * @param values values at the points, [signs, n]
 * @param center the value without noise
 * @param settings the options
 */
export function weightsOf(op: string, values: Tensor, center: Tensor, settings: Settings): Tensor {
  const { method, sigma, nonFinite, baseline } = settings, n = values.shape[1];
  const finite = nonFinite === "skip" ? values.isFinite() : null;
  const used = finite?.all(0) ?? null;
  const count = used === null ? n : used.to(values.dtype).sum();
  const safe = finite === null ? values : values.maskedFill(finite.logicalNot(), 0);
  const rows = shaped(op, safe, finite, settings.shaping).unbind(0);
  const other = rows.length === 2 ? rows[1] : method === "forward" ? center : null;
  let weights = other === null ? rows[0] : rows[0].sub(other);
  if (baseline === "mean") {
    const own = used === null ? weights : weights.where(used, 0);
    // The mean of the other samples, without making it for each.
    const others = typeof count === "number" ? count / (count - 1) : count.div(count.sub(1));
    weights = weights.sub(own.sum().div(count)).mul(others);
  }
  if (used !== null) weights = weights.where(used, 0);
  const scale = method === "antithetic" ? 2 * sigma : sigma;
  return weights.div(typeof count === "number" ? count * scale : count.clamp(1).mul(scale));
}

/** The sum of directions [n, ...shape], each times its weight. */
export function weightedSum(weights: Tensor, noise: Tensor): Tensor {
  const [n, ...shape] = noise.shape;
  return weights.to(noise.dtype).unsqueeze(0).matmul(noise.reshape(n, -1)).reshape(shape);
}
