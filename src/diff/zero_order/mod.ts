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
  /** Gradients that are estimated from values; see `zeroOrder`. */
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
 * Zero-order differentiation; callable itself.
 *
 * @example
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
