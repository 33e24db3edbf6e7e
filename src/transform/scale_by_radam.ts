/**
 * RAdam's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import type { Node } from "../graph/node.ts";
import { add, cast, div, lt, mul, sqrt, sub, where } from "../primitives/elementwise.ts";
import { safeSqrt } from "../primitives/safe_sqrt.ts";
import type { DType } from "../runtime/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { complementOfPower } from "./adam_scaler.ts";
import type { NumberOf } from "./numbers.ts";
import { checkDecay, checkNonNegative, withDefaults } from "./options.ts";
import { scaler } from "./scaler.ts";

/** Options of `scaleByRadam`. */
export interface ScaleByRadamOptions {
  /** Decay of the mean of the gradients, in [0, 1) (default 0.9). */
  readonly b1?: number;
  /** Decay of the mean of their squares, in [0, 1) (default 0.999). */
  readonly b2?: number;
  /** Added to the root (default 1e-6). */
  readonly eps?: number;
  /** Whether the moments of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/** State of `scaleByRadam`. */
export type ScaleByRadamState = {
  /** Mean of the gradients. */
  mu: TensorTree;
  /** Mean of their squares. */
  nu: TensorTree;
  /** Number of the next step (0-d, int64), from 1. */
  t: Tensor;
};

/** Whether step `t` is rectified, and the factor of the mean. */
function rectification(b1: number, b2: number, number: NumberOf, dtype: DType, t: Node) {
  const n = (value: number) => number(value, "float64");
  const steps = cast(t, "float64");
  const correction = complementOfPower(b2, number, steps), b2t = sub(n(1), correction);
  const longest = 2 / (1 - b2) - 1;
  // Length of the simple moving average that approximates the exponential one.
  const rho = sub(n(longest), div(mul(mul(n(2), steps), b2t), correction));
  const rectified = lt(n(5), rho);
  const variance = div(
    mul(mul(mul(correction, sub(rho, n(4))), sub(rho, n(2))), n(longest)),
    mul(n((longest - 4) * (longest - 2)), rho),
  );
  const factor = where(rectified, sqrt(variance), n(1));
  return { rectified, factor: cast(div(factor, complementOfPower(b1, number, steps)), dtype) };
}

/**
 * Scales updates as RAdam does: Adam's scaling times the rectification of its variance once the
 * average is long enough (rho > 5), the plain bias-corrected mean before (Liu et al., On the Variance
 * of the Adaptive Learning Rate and Beyond, 2020).
 *
 * @param options decays, `eps`, `momentRequiresGrad`
 * @returns the transformation; its state holds `mu`, `nu` and `t`
 * @throws {RangeError} a decay outside [0, 1), or a negative `eps`
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const scaling = transform.scaleByRadam();
 * const grads = [tensor([2, -5], { dtype: "float64" })];
 * // The first steps are not rectified: the update is the mean gradient.
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assert(u.allclose(tensor([2, -5], { dtype: "float64" })));
 * ```
 */
export function scaleByRadam(
  options: ScaleByRadamOptions = {},
): GradientTransformation<ScaleByRadamState> {
  const { b1, b2, eps, momentRequiresGrad } = withDefaults<ScaleByRadamOptions>("scaleByRadam", {
    b1: 0.9,
    b2: 0.999,
    eps: 1e-6,
    momentRequiresGrad: false,
  }, options);
  checkDecay("scaleByRadam", { b1, b2 });
  checkNonNegative("scaleByRadam", { eps });
  return scaler({
    name: "scaleByRadam",
    moments: { mu: 0, nu: 0 },
    requiresGrad: momentRequiresGrad,
    counter: { key: "t", start: 1, perLeaf: false },
    coefficients: (number, dtype, t) => ({
      b1: number(b1, dtype),
      omb1: number(1 - b1, dtype),
      b2: number(b2, dtype),
      omb2: number(1 - b2, dtype),
      eps: number(eps, dtype),
      one: number(1, dtype),
      ...rectification(b1, b2, number, dtype, t),
    }),
    step(g, [mu, nu], c) {
      const mean = add(mul(c.b1, mu), mul(c.omb1, g));
      const square = add(mul(c.b2, nu), mul(c.omb2, mul(g, g)));
      const divisor = where(c.rectified, add(safeSqrt(square), c.eps), c.one);
      return [div(mul(mean, c.factor), divisor), mean, square];
    },
  });
}
