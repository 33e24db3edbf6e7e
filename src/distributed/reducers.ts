/**
 * Reducers: what becomes of the results of all partitions.
 *
 * @module
 */

import { stack } from "../tensor/functions.ts";
import { checkTensors } from "../tensor/promotion.ts";
import type { Tensor } from "../tensor/tensor.ts";

function stacked(op: string, results: readonly Tensor[]): Tensor {
  if (checkTensors(op, results).length === 0) {
    throw new RangeError(`${op}: there are no results, wants at least one.`);
  }
  return stack([...results]);
}

/**
 * The mean of the results of all partitions, element by element.
 *
 * @param results tensors of one shape
 * @returns a tensor of that shape
 * @throws {TypeError} where a result is no tensor
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.meanReducer([tensor([1, 2]), tensor([3, 4])]).toArray(), [2, 3]);
 * ```
 */
export function meanReducer(results: readonly Tensor[]): Tensor {
  return stacked("meanReducer", results).mean(0);
}

/**
 * The sum of the results of all partitions, element by element.
 *
 * @param results tensors of one shape
 * @returns a tensor of that shape
 * @throws {TypeError} where a result is no tensor
 * @throws {ShapeError} where shapes differ
 *
 * @example
 * ```ts
 * import { distributed, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distributed.sumReducer([tensor([1, 2]), tensor([3, 4])]).toArray(), [4, 6]);
 * ```
 */
export function sumReducer(results: readonly Tensor[]): Tensor {
  return stacked("sumReducer", results).sum(0);
}
