/**
 * Hooks on gradients.
 *
 * @module
 */

import type { EmptyState, GradientTransformation } from "./base.ts";
import { gradientTransformation } from "./combine.ts";
import type { GradientHook } from "./tensor/core.ts";
import type { Tensor } from "./tensor/tensor.ts";
import { describe } from "./transform/options.ts";
import type { NanToNumTransformOptions } from "./transform/nan_to_num.ts";
import { takeUpdates } from "./transform/trees.ts";
import { checkTensor } from "./tensor/promotion.ts";
import { checkNames } from "./tensor/describe.ts";

/**
 * Registers a hook on every update that passes, and passes it on unchanged. The hook sees (and may
 * replace) the gradient of that update when one differentiates through the optimizer.
 *
 * @param hook gets the gradient; what it returns replaces it
 * @returns the transformation; its state is empty
 * @throws {TypeError} where `hook` is no function
 * @throws {GradientError} at an update that has no history (made without `createGraph`)
 *
 * @example
 * ```ts
 * import { autograd, hook, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor(3, { requiresGrad: true });
 * const double = hook.registerHook((g) => g.mul(2));
 * const grads = [x.mul(5)];
 * const [[u]] = double.update(grads, {}, { inplace: false });
 * const [g] = autograd.grad(u, [x]);
 * assertEquals(g!.item(), 10);
 * ```
 */
export function registerHook(hook: GradientHook): GradientTransformation<EmptyState> {
  if (typeof hook !== "function") {
    throw new TypeError(`registerHook: got ${describe(hook)}, wants a function of a gradient.`);
  }
  return gradientTransformation<EmptyState>({
    init: () => ({}),
    update(updates, state) {
      for (const leaf of takeUpdates("registerHook", updates).leaves) leaf?.registerHook(hook);
      return [updates, state];
    },
  });
}

/**
 * A hook that replaces NaN by 0 and infinities by the largest finite numbers.
 *
 * @param grad the gradient
 * @returns the gradient without them
 *
 * @example
 * ```ts
 * import { hook, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(hook.zeroNanHook(tensor([NaN, 1])).toArray(), [0, 1]);
 * ```
 */
export function zeroNanHook(grad: Tensor): Tensor {
  checkTensor("zeroNanHook", "the gradient", grad);
  return grad.nanToNum();
}

/**
 * A hook that replaces NaN and infinities by given numbers.
 *
 * @param options `nan` (default 0), `posinf` and `neginf` (default: the ends of the dtype)
 * @returns the hook
 *
 * @example
 * ```ts
 * import { hook, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const limit = hook.nanToNumHook({ nan: 1, posinf: 2 });
 * assertEquals(limit(tensor([NaN, Infinity])).toArray(), [1, 2]);
 * ```
 */
export function nanToNumHook(options: NanToNumTransformOptions = {}): (grad: Tensor) => Tensor {
  checkNames("nanToNumHook", options, ["nan", "posinf", "neginf"]);
  const { nan = 0, posinf, neginf } = options;
  return (grad) => grad.nanToNum({ nan, posinf: posinf ?? undefined, neginf: neginf ?? undefined });
}
