/**
 * What plain and accelerated Adam have in common.
 *
 * @module
 */

import type { GradientTransformation } from "../base.ts";
import { isGradEnabled, type Node } from "../graph/node.ts";
import { cast, expm1, mul, neg } from "../primitives/elementwise.ts";
import { type AdamCoefficients, adamFallback, adamStep } from "../primitives/fused_adam.ts";
import type { DType } from "../runtime/mod.ts";
import type { NumberOf } from "./numbers.ts";
import { checkDecay, checkNonNegative, withDefaults } from "./options.ts";
import type { ScaleByAdamOptions, ScaleByAdamState } from "./scale_by_adam.ts";
import { scaler } from "./scaler.ts";

/**
 * `1 - decay ** count`, in double precision until the last, as far as the device has it. The form keeps
 * its digits in single precision, too: early on the power is nearly 1.
 */
export function biasCorrection(decay: number, number: NumberOf, dtype: DType, count: Node): Node {
  return cast(complementOfPower(decay, number, cast(count, "float64")), dtype);
}

/** `1 - decay ** count` in the type of `count`. */
export function complementOfPower(decay: number, number: NumberOf, count: Node): Node {
  return neg(expm1(mul(number(Math.log(decay), count.dtype), count)));
}

/**
 * The step as a graph of ordinary operations. Where no derivative is recorded one node stands for it
 * until it is lowered: a re-traced training step spends its time on nodes.
 */
export function plainStep(g: Node, m: Node, v: Node, c: AdamCoefficients): [Node, Node, Node] {
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
