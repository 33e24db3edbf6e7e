/**
 * Adam's scaling.
 *
 * @module
 */

import type { GradientTransformation, TensorTree } from "../base.ts";
import { isGradEnabled, type Node } from "../graph/node.ts";
import { cast, pow, sub } from "../primitives/elementwise.ts";
import { type AdamCoefficients, adamFallback, adamStep } from "../primitives/fused_adam.ts";
import type { DType } from "../runtime/mod.ts";
import type { NumberOf } from "./numbers.ts";
import { checkDecay, checkNonNegative, withDefaults } from "./options.ts";
import { scaler } from "./scaler.ts";

/** Options of `scaleByAdam`. */
export interface ScaleByAdamOptions {
  /** Decay of the mean of the gradients, in [0, 1) (default 0.9). */
  readonly b1?: number;
  /** Decay of the mean of their squares, in [0, 1) (default 0.999). */
  readonly b2?: number;
  /** Added to the root (default 1e-8). */
  readonly eps?: number;
  /** Added under the root (default 0); wanted where one differentiates through the optimizer. */
  readonly epsRoot?: number;
  /** Whether the moments of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/** State of `scaleByAdam`. */
export type ScaleByAdamState = {
  /** Mean of the gradients. */
  mu: TensorTree;
  /** Mean of their squares. */
  nu: TensorTree;
  /** Steps of each leaf (int64), from 0. */
  count: TensorTree;
};

/** `1 - decay ** count`, in double precision until the last. */
export function biasCorrection(decay: number, number: NumberOf, dtype: DType, count: Node): Node {
  const power = pow(number(decay, "float64"), cast(count, "float64"));
  return cast(sub(number(1, "float64"), power), dtype);
}

/**
 * The step as a graph of ordinary operations. Where no derivative is recorded one node stands for it
 * until it is lowered: a re-traced training step spends its time on nodes.
 */
function plainStep(g: Node, m: Node, v: Node, c: AdamCoefficients): [Node, Node, Node] {
  return isGradEnabled() ? adamFallback(g, m, v, c) : adamStep(g, m, v, c, false);
}

/** The transformation; `step` is the fused operation or its defining graph. */
export function adamScaler(
  name: string,
  step: typeof adamFallback,
  options: ScaleByAdamOptions,
): GradientTransformation<ScaleByAdamState> {
  const { b1, b2, eps, epsRoot, momentRequiresGrad } = withDefaults<ScaleByAdamOptions>(name, {
    b1: 0.9,
    b2: 0.999,
    eps: 1e-8,
    epsRoot: 0,
    momentRequiresGrad: false,
  }, options);
  checkDecay(name, { b1, b2 });
  checkNonNegative(name, { eps, epsRoot });
  return scaler<AdamCoefficients, ScaleByAdamState>({
    name,
    moments: { mu: 0, nu: 0 },
    requiresGrad: momentRequiresGrad,
    counter: { key: "count", start: 0, perLeaf: true, early: true },
    coefficients: (number, dtype, count) => ({
      b1: number(b1, dtype),
      omb1: number(1 - b1, dtype),
      b2: number(b2, dtype),
      omb2: number(1 - b2, dtype),
      eps: number(eps, dtype),
      epsRoot: number(epsRoot, dtype),
      c1: biasCorrection(b1, number, dtype, count),
      c2: biasCorrection(b2, number, dtype, count),
    }),
    step: (g, [mu, nu], c) => step(g, mu, nu, c),
  });
}

/**
 * Scales updates as Adam does: `m / (sqrt(v + epsRoot) + eps)` with bias-corrected means `m` of the
 * gradients and `v` of their squares (Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015).
 *
 * @param options decays, `eps`, `epsRoot`, `momentRequiresGrad`
 * @returns the transformation; its state holds `mu`, `nu` and `count`
 * @throws {RangeError} a decay outside [0, 1), or a negative number
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const scaling = transform.scaleByAdam({ eps: 0 });
 * const grads = [tensor([2, -5], { dtype: "float64" })];
 * const [[u]] = scaling.update(grads, scaling.init(grads));
 * assert(u.allclose(tensor([1, -1], { dtype: "float64" })));
 * ```
 */
export function scaleByAdam(
  options: ScaleByAdamOptions = {},
): GradientTransformation<ScaleByAdamState> {
  return adamScaler("scaleByAdam", plainStep, options);
}
