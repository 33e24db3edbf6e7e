/**
 * Classes as rows.
 *
 * @module
 */

import { oneHot as rows } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * Class numbers as rows with a single one, as `oneHot` of the package makes them.
 *
 * @param classes class numbers of any shape, int64 or int32
 * @param numClasses number of classes (default: one more than the largest number)
 * @returns `[...shape, numClasses]` in int64
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = nn.functional.oneHot(tensor([1, 0], { dtype: "int64" }), 2);
 * assertEquals(rows.toArray(), [[0, 1], [1, 0]]);
 * ```
 */
export function oneHot(classes: Tensor, numClasses?: number): Tensor {
  return rows(classes, numClasses);
}
