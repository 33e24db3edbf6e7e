/**
 * Adam's fused operation, to be called by itself.
 *
 * @module
 */

import { noGrad } from "../autodiff/modes.ts";
import { DTypeError } from "../graph/errors.ts";
import { numberNode } from "../graph/leaf.ts";
import { isFloat } from "../graph/node.ts";
import { adamStep } from "../primitives/fused_adam.ts";
import { wrap } from "../tensor/core.ts";
import { checkTensor } from "../tensor/promotion.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { biasCorrection } from "./adam_scaler.ts";
import { checkDecay, checkNonNegative, describe, withDefaults } from "./options.ts";

/** Options of {@linkcode AdamOp}. */
export interface AdamOpOptions {
  /** Decay of the first moment (default 0.9). */
  readonly b1?: number;
  /** Decay of the second moment (default 0.999). */
  readonly b2?: number;
  /** Added to the root of the second moment (default 1e-8). */
  readonly eps?: number;
  /** Added under the root (default 0). */
  readonly epsRoot?: number;
  /**
   * Whether results are written into the tensors that were given, without history (default true).
   * Otherwise they are new tensors, with derivatives of every order.
   */
  readonly inplace?: boolean;
}

/**
 * The operation behind `useAcceleratedOp`: one step of Adam's scaling for one tensor (Kingma & Ba,
 * Adam: A Method for Stochastic Optimization, 2015). `transform.scaleByAcceleratedAdam` is the same
 * as a transformation of trees, with its state.
 *
 * @example
 * ```ts
 * import { AdamOp, tensor, zeros } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const op = new AdamOp({ inplace: false }), g = tensor([0.5, -3]);
 * const [mu, nu, update] = op.call(zeros([2]), zeros([2]), g, 1);
 * assertAlmostEquals(update!.select(0, 1).item(), -1, 1e-6);
 * assertAlmostEquals(mu.select(0, 1).item(), -0.3, 1e-6);
 * assertAlmostEquals(nu.select(0, 1).item(), 0.009, 1e-6);
 * ```
 */
export class AdamOp {
  /** The options, defaults filled in. */
  readonly options: Readonly<Required<AdamOpOptions>>;

  /**
   * Holds the coefficients.
   *
   * @param options `b1`, `b2`, `eps`, `epsRoot`, `inplace`
   * @throws {RangeError} a decay outside [0, 1), or a negative number
   */
  constructor(options: AdamOpOptions = {}) {
    this.options = withDefaults<AdamOpOptions>("AdamOp", {
      b1: 0.9,
      b2: 0.999,
      eps: 1e-8,
      epsRoot: 0,
      inplace: true,
    }, options);
    const { b1, b2, eps, epsRoot } = this.options;
    checkDecay("AdamOp", { b1, b2 });
    checkNonNegative("AdamOp", { eps, epsRoot });
  }

  /**
   * Takes a step.
   *
   * @param mu first moment, floating point
   * @param nu second moment, of its shape and dtype
   * @param updates gradient, of the same shape and dtype; null leaves the moments as they are
   * @param count number of the step, from 1: a number or a 0-d tensor
   * @returns `[mu, nu, updates]`: the new moments, and the gradient scaled
   * @throws {DTypeError} tensors of different dtypes, or of whole numbers
   * @throws {ShapeError} tensors of different shapes
   */
  call(
    mu: Tensor,
    nu: Tensor,
    updates: Tensor | null,
    count: number | Tensor,
  ): [Tensor, Tensor, Tensor | null] {
    checkTensor("AdamOp", "mu", mu);
    checkTensor("AdamOp", "nu", nu);
    if (updates === null) return [mu, nu, null];
    checkTensor("AdamOp", "updates", updates);
    const { dtype } = updates;
    if (!isFloat(dtype) || mu.dtype !== dtype || nu.dtype !== dtype) {
      throw new DTypeError(
        `AdamOp: mu is ${mu.dtype}, nu ${nu.dtype} and updates ${dtype}, wants one ` +
          `floating-point type.`,
      );
    }
    const { inplace } = this.options;
    if (!inplace) return this.#step(mu, nu, updates, count);
    return noGrad(() => {
      const next = this.#step(mu, nu, updates, count);
      [mu, nu, updates].forEach((target, i) => target.copy_(next[i]));
      return [mu, nu, updates];
    });
  }

  #step(mu: Tensor, nu: Tensor, updates: Tensor, count: number | Tensor): [Tensor, Tensor, Tensor] {
    const { b1, b2, eps, epsRoot } = this.options, { dtype } = updates;
    const steps = countNode(count), number = (value: number) => numberNode(value, dtype);
    const [update, first, second] = adamStep(updates.node, mu.node, nu.node, {
      b1: number(b1),
      omb1: number(1 - b1),
      b2: number(b2),
      omb2: number(1 - b2),
      eps: number(eps),
      epsRoot: number(epsRoot),
      c1: biasCorrection(b1, numberNode, dtype, steps),
      c2: biasCorrection(b2, numberNode, dtype, steps),
    });
    return [wrap(first), wrap(second), wrap(update)];
  }
}

function countNode(count: number | Tensor) {
  if (typeof count === "number" && count >= 1) return numberNode(count, "float64");
  if (typeof count === "object" && count?.shape?.length === 0) return count.node;
  throw new RangeError(
    `AdamOp: count is ${
      typeof count === "number" ? count : describe(count)
    }, wants a number of at least 1 or a 0-d tensor.`,
  );
}
