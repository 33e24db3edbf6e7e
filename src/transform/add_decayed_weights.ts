/**
 * Weight decay.
 *
 * @module
 */

import type { GradientTransformation } from "../base.ts";
import { identity } from "../combine.ts";
import { add, cast, mul } from "../primitives/elementwise.ts";
import { type Mask, masked } from "./masked.ts";
import { checkNonNegative, withDefaults } from "./options.ts";
import { stateless } from "./stateless.ts";

/** Options of `addDecayedWeights`. */
export interface AddDecayedWeightsOptions {
  /** Factor of the parameters (default 0). */
  readonly weightDecay?: number;
  /** Which leaves decay (default: all); see `masked`. */
  readonly mask?: Mask | null;
}

/**
 * Adds `weightDecay` times the parameters to the updates (Loshchilov & Hutter, Decoupled Weight Decay
 * Regularization, 2019). Updates then need `params`.
 *
 * @param options `weightDecay`, `mask`
 * @returns the transformation; the identity without decay and mask
 * @throws {RangeError} where `weightDecay` is negative
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const decay = transform.addDecayedWeights({ weightDecay: 0.5 });
 * const params = [tensor([2, 4])];
 * const grads = [tensor([10, 10])];
 * const [[u]] = decay.update(grads, decay.init(params), { params });
 * assertEquals(u.toArray(), [11, 12]);
 * ```
 */
export function addDecayedWeights(options: AddDecayedWeightsOptions = {}): GradientTransformation {
  const { weightDecay, mask } = withDefaults<AddDecayedWeightsOptions>("addDecayedWeights", {
    weightDecay: 0,
    mask: null,
  }, options);
  checkNonNegative("addDecayedWeights", { weightDecay });
  const inner = weightDecay === 0 ? identity() : stateless(
    "addDecayedWeights",
    (g, param, number) => add(g, mul(number(weightDecay, g.dtype), cast(param, g.dtype))),
    { wantsParams: true },
  );
  return mask === null ? inner : masked(inner, mask);
}
