/**
 * Scaling by a number.
 *
 * @module
 */

import type { EmptyState, GradientTransformation } from "../base.ts";
import { cast, mul } from "../primitives/elementwise.ts";
import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkFinite } from "./options.ts";
import { stateless } from "./stateless.ts";

/**
 * Multiplies updates by a number or a 0-d tensor, which is read anew at each update and can be
 * differentiated.
 *
 * @param stepSize the factor
 * @returns the transformation; its state is empty
 * @throws {RangeError} where the factor is not finite
 *
 * @example
 * ```ts
 * import { tensor, transform } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const grads = [tensor([1, 2])];
 * const [[u]] = transform.scale(-2).update(grads, {});
 * assertEquals(u.toArray(), [-2, -4]);
 * ```
 */
export function scale(stepSize: number | Tensor): GradientTransformation<EmptyState> {
  if (stepSize instanceof TensorCore) {
    return stateless("scale", (g) => mul(g, cast(stepSize.node, g.dtype)));
  }
  checkFinite("scale", { stepSize });
  return stateless("scale", (g, _param, number) => mul(g, number(stepSize, g.dtype)));
}
