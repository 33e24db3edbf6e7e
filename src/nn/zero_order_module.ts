/**
 * Modules with gradients that are estimated from values.
 *
 * @module
 */

import { settingsOf, ZERO_ORDER } from "../diff/zero_order/options.ts";
import type { EstimatorOptions, Samplable, ZeroOrderOptions } from "../diff/zero_order/types.ts";
import { zeroOrder } from "../diff/zero_order/zero_order.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { functionalCall } from "./functional_call.ts";
import { Module } from "./module.ts";

/** Options that a class may have as static fields. */
const FIELDS = ZERO_ORDER.filter((name) => name !== "argnums");

/**
 * A module whose parameters have gradients that are estimated from values, as `diff.zeroOrder` does:
 * `forward` gives a tensor without dimensions and need not be differentiable, `sample` draws the noise.
 *
 * The options of `diff.zeroOrder` (but `argnums`) are static fields of the class; those that are not
 * set have their defaults. Noise is drawn for each parameter in the order of `namedParameters()`.
 * `call()` has the estimated gradients; `forward()` is the function itself.
 *
 * @example
 * ```ts
 * import { autograd, nn, ones, randn, type Tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * class Steps extends nn.ZeroOrderGradientModule {
 *   static override method = "antithetic" as const;
 *   static override numSamples = 100;
 *   static override sigma = 0.1;
 *   fc = new nn.Linear(2, 1);
 *   forward(x: Tensor): Tensor {
 *     return this.fc.call(x).sign().mean();
 *   }
 *   sample(shape: readonly number[]): Tensor {
 *     return randn(shape);
 *   }
 * }
 * const model = new Steps();
 * const grads = autograd.grad(model.call(ones([3, 2])), model.parameters());
 * assertEquals(grads.map((g) => g!.shape), [[1, 2], [1]]);
 * ```
 */
export abstract class ZeroOrderGradientModule extends Module implements Samplable {
  /** The estimator (default `"naive"`). */
  static method: ZeroOrderOptions["method"];
  /** Number of directions (default 1). */
  static numSamples: number | undefined;
  /** How far parameters are moved (default 1). */
  static sigma: number | undefined;
  /** Perpendicular directions (default false). */
  static orthogonal: boolean | undefined;
  /** Each second direction reversed (default false). */
  static mirrored: boolean | undefined;
  /** What is subtracted from values (default `"none"`). */
  static baseline: EstimatorOptions["baseline"];
  /** What takes the place of values (default `"none"`). */
  static shaping: EstimatorOptions["shaping"];
  /** What becomes of values that are not finite (default `"propagate"`). */
  static nonFinite: EstimatorOptions["nonFinite"];
  /** The same random numbers in both values of a difference (default false). */
  static commonRandomNumbers: boolean | undefined;
  /** How samples are evaluated (default `"auto"`). */
  static evaluation: ZeroOrderOptions["evaluation"];

  readonly #estimate: (fn: (params: readonly Tensor[]) => Tensor) => (p: Tensor[]) => Tensor;

  /**
   * Checks the static fields.
   *
   * @throws {RangeError} for an unknown method, `numSamples` below 1, or a `sigma` that is not positive
   */
  constructor() {
    super();
    const own = new.target as unknown as Record<string, unknown>;
    const options = Object.fromEntries(FIELDS.map((name) => [name, own[name]]));
    settingsOf(new.target.name || "ZeroOrderGradientModule", options);
    this.#estimate = zeroOrder(this, options);
  }

  /** The value: a tensor without dimensions. */
  // deno-lint-ignore no-explicit-any
  abstract override forward(...args: any[]): Tensor;

  /** Noise of a shape, of mean 0 and variance 1. */
  abstract sample(shape: readonly number[]): Tensor;

  /** Runs `forward`; the result has estimated gradients with respect to the parameters. */
  override call(...args: Parameters<this["forward"]>): ReturnType<this["forward"]> {
    const named = this.namedParameters(), names = named.map(([name]) => name);
    const fn = (params: readonly Tensor[]) =>
      functionalCall(
        this as Module,
        Object.fromEntries(names.map((name, i) => [name, params[i]])),
        ...args,
      ) as Tensor;
    return this.#estimate(fn)(named.map(([, x]) => x)) as ReturnType<this["forward"]>;
  }
}

// Programs run without a check of their types: a class that lacks a method says so.
for (const name of ["forward", "sample"]) {
  Object.defineProperty(ZeroOrderGradientModule.prototype, name, {
    value(this: object) {
      const own = this.constructor.name || "the class";
      throw new TypeError(`ZeroOrderGradientModule: ${own} has no method ${name}; define it.`);
    },
    writable: true,
    configurable: true,
  });
}
