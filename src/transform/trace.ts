/**
 * Momentum.
 *
 * @module
 */

import type { EmptyState, GradientTransformation, TensorTree } from "../base.ts";
import { identity } from "../combine.ts";
import { constantNode } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { add, eq, mul, where } from "../primitives/elementwise.ts";
import { checkNesterov, checkNonNegative, withDefaults } from "./options.ts";
import { scaler } from "./scaler.ts";

/** Options of `trace`. */
export interface TraceOptions {
  /** Decay of the sum, at least 0; with 0 nothing is done (default 0.9). */
  readonly momentum?: number;
  /** Part of each gradient that is left out after the first step (default 0). */
  readonly dampening?: number;
  /** Whether to look ahead: `g + momentum * sum` (default false). */
  readonly nesterov?: boolean;
  /** Whether the sums of a new state require gradients (default false). */
  readonly momentRequiresGrad?: boolean;
}

/** State of `trace`. */
export type TraceState = {
  /** Decaying sum of the gradients. */
  trace: TensorTree;
  /** Steps of each leaf (int64), where the first step differs from the others. */
  count?: TensorTree;
};

interface Coefficients {
  readonly momentum: Node;
  /** Decay of the sum, and factor of the gradient in it. */
  readonly decay: Node;
  readonly share: Node;
}

/**
 * Replaces updates by their decaying sum, as momentum does: the first gradient starts the sum, then
 * `sum = momentum * sum + (1 - dampening) * g` (Polyak, Some methods of speeding up the convergence
 * of iteration methods, 1964; Nesterov's variant: Sutskever et al., On the importance of
 * initialization and momentum in deep learning, 2013).
 *
 * @param options `momentum`, `dampening`, `nesterov`, `momentRequiresGrad`
 * @returns the transformation; its state holds `trace`. The identity where `momentum` is 0.
 * @throws {RangeError} a negative number, or nesterov with dampening or without momentum
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const momentum = transform.trace({ momentum: 0.5 });
 * const grads = [tensor([4])];
 * const state = momentum.init(grads);
 * momentum.update(grads, state);
 * const [[u]] = momentum.update(grads, state);
 * assertEquals(u.item(), 6);
 * ```
 */
export function trace(
  options: TraceOptions = {},
): GradientTransformation<TraceState | EmptyState> {
  const { momentum, dampening, nesterov, momentRequiresGrad } = withDefaults<TraceOptions>(
    "trace",
    { momentum: 0.9, dampening: 0, nesterov: false, momentRequiresGrad: false },
    options,
  );
  checkNonNegative("trace", { momentum, dampening });
  checkNesterov("trace", { nesterov, momentum, dampening });
  if (momentum === 0) return identity();
  // A sum that starts at 0 does not see its decay, unless one differentiates with respect to it.
  const firstDiffers = dampening !== 0 || momentRequiresGrad;
  return scaler<Coefficients, TraceState | EmptyState>({
    name: "trace",
    moments: { trace: 0 },
    requiresGrad: momentRequiresGrad,
    counter: firstDiffers ? { key: "count", start: 0, perLeaf: true } : undefined,
    coefficients(number, dtype, count) {
      const decay = number(momentum, dtype), share = number(1 - dampening, dtype);
      if (!firstDiffers) return { momentum: decay, decay, share };
      const first = eq(count, constantNode(0, "int64")), one = number(1, dtype);
      return { momentum: decay, decay: where(first, one, decay), share: where(first, one, share) };
    },
    step(g, [before], c) {
      const sum = add(mul(c.decay, before), mul(c.share, g));
      return [nesterov ? add(g, mul(c.momentum, sum)) : sum, sum];
    },
  });
}
