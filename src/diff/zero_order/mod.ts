/**
 * Zero-order differentiation: gradients from values alone. The module itself can be called:
 * `diff.zeroOrder(...)` is `diff.zeroOrder.zeroOrder(...)`.
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import type { Samplable, SampleFunction, ZeroOrderOptions } from "./types.ts";
import { zeroOrder as estimator } from "./zero_order.ts";
import { zeroOrderAsync } from "./zero_order_async.ts";

export * from "./types.ts";
export * from "./zero_order_async.ts";

/** The module `diff.zeroOrder`: a function that has itself and its asynchronous form as properties. */
export interface ZeroOrder {
  /** Makes a function of functions. */
  (
    distribution: Samplable | SampleFunction,
    options?: ZeroOrderOptions,
  ): <A extends unknown[] = Tensor[]>(fn: (...args: A) => Tensor) => (...args: A) => Tensor;
  /** The same. */
  readonly zeroOrder: ZeroOrder;
  /** The same for functions that return promises. */
  readonly zeroOrderAsync: typeof zeroOrderAsync;
}

/**
 * Gives a function a gradient that is estimated from its values at arguments moved by noise, so that
 * it need not be differentiable: the gradient of E[f(x + sigma z)], the function smoothed by the
 * noise (Y. Nesterov, V. Spokoiny, "Random gradient-free minimization of convex functions", 2017).
 *
 * The value of the new function is that of `fn`. Its gradient with respect to the arguments `argnums`
 * (trees of floating-point tensors) is the mean over `numSamples` directions z of
 *
 * - `"naive"`: f(x + sigma z) z / sigma,
 * - `"forward"`: (f(x + sigma z) - f(x)) z / sigma,
 * - `"antithetic"`: (f(x + sigma z) - f(x - sigma z)) z / (2 sigma).
 *
 * Noise is drawn when the gradient is taken, one tensor for each tensor of these arguments and each
 * sample. Other arguments, and what `fn` reads from its surroundings, keep the derivatives that the
 * graph of `fn` gives. The estimate is part of the graph: its derivative is that of the formula, with
 * the noise that was drawn.
 *
 * All samples are computed in one graph, by `func.vmap`, where `fn` allows it. One that reads values,
 * or calls what is no operation on tensors, is called for one sample after another, and again at each
 * gradient; its estimate cannot be differentiated again. A function that needs promises: see
 * `zeroOrderAsync`. A NaN among the values makes the gradient NaN unless `nonFinite` is `"skip"`.
 *
 * @param distribution draws noise of mean 0 and variance 1: an object with `sample(shape)`, such as
 *   `new distributions.Normal(0, 1)`, or a function of the shape
 * @param options `method`, `argnums`, `numSamples`, `sigma`, and how to reduce the variance
 * @returns a function of functions: give it `fn`, which returns a tensor without dimensions
 * @throws {RangeError} for an unknown method, `numSamples` below 1, a `sigma` that is not positive, or
 *   options that contradict each other
 * @throws {ShapeError} where `fn` returns no scalar, or the distribution gives another shape than it
 *   was asked for
 * @throws {TypeError} where `fn` or the distribution gives no tensor
 *
 * @example
 * ```ts
 * import { autograd, diff, manualSeed, randn, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * manualSeed(0);
 * // The number of positive entries has the gradient 0 everywhere; smoothed, it has one.
 * const count = (x: Tensor) => x.gt(0).to("float32").sum();
 * const smooth = diff.zeroOrder((shape) => randn(shape), {
 *   method: "antithetic",
 *   numSamples: 1000,
 * })(count);
 * const x = tensor([0, 3], { requiresGrad: true });
 * const [g] = autograd.grad(smooth(x), [x]);
 * assert(Math.abs(Number(g!.data()[0]) - 0.399) < 0.1);
 * ```
 *
 * @example The module and its member are one function
 * ```ts
 * import { autograd, diff, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * // Along the direction 1, the antithetic estimate of a quadratic function is exact.
 * const one = (shape: readonly number[]) => tensor(1).expand(shape);
 * const f = diff.zeroOrder.zeroOrder(one, { method: "antithetic" })((x) => x.square());
 * const x = tensor(3, { requiresGrad: true });
 * assertEquals(autograd.grad(f(x), [x])[0]!.item(), 6);
 * assertEquals(diff.zeroOrder, diff.zeroOrder.zeroOrder);
 * ```
 */
export const zeroOrder: ZeroOrder = Object.assign(estimator, {
  zeroOrder: estimator as ZeroOrder,
  zeroOrderAsync,
});
