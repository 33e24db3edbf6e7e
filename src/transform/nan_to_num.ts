/**
 * Replacing what is not finite.
 *
 * @module
 */

import type { EmptyState, GradientTransformation } from "../base.ts";
import { largest, nanToNum as replace } from "../tensor/formulas/basic.ts";
import { stateless } from "./stateless.ts";
import { withDefaults } from "./options.ts";

/** Options of `nanToNum`. */
export interface NanToNumTransformOptions {
  /** In place of NaN (default 0). */
  readonly nan?: number;
  /** In place of infinity (default: the largest number of the dtype). */
  readonly posinf?: number | null;
  /** In place of minus infinity (default: the smallest number of the dtype). */
  readonly neginf?: number | null;
}

/**
 * Replaces NaN and infinities in updates by finite numbers.
 *
 * @param options `nan`, `posinf`, `neginf`
 * @returns the transformation; its state is empty
 *
 * @example
 * ```ts
 * import { nanToNum, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const grads = [tensor([NaN, Infinity, 1])];
 * const [[u]] = nanToNum({ posinf: 10 }).update(grads, {});
 * assertEquals(u.toArray(), [0, 10, 1]);
 * ```
 */
export function nanToNum(
  options: NanToNumTransformOptions = {},
): GradientTransformation<EmptyState> {
  const { nan, posinf, neginf } = withDefaults<NanToNumTransformOptions>("nanToNum", {
    nan: 0,
    posinf: null,
    neginf: null,
  }, options);
  return stateless("nanToNum", (g) => {
    const top = largest(g.dtype);
    return replace(g, nan, posinf ?? top, neginf ?? -top);
  });
}
