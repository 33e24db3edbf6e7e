/**
 * Products of several tensors.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import { normalizeAxis, sameShape, showShape } from "../graph/shape.ts";
import { wrap } from "./core.ts";
import { alike, checkTensor, checkTensors } from "./promotion.ts";
import { einsum as einsumNodes } from "./formulas/einsum.ts";
import { checkWhole } from "./methods/operands.ts";
import type { Tensor } from "./tensor.ts";
import { describe } from "./describe.ts";

/**
 * Sum of products by Einstein's convention: letters name dimensions, those that are missing in the
 * result are summed over. `...` stands for any dimensions in front that broadcast; a letter used
 * twice in one operand takes its diagonal; without `->` the result has the letters that occur once,
 * sorted.
 *
 * @throws {TypeError} where the equation is malformed
 * @throws {ShapeError} where sizes of one letter differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { einsum, tensor } from "@torchopt/torchopt";
 *
 * const a = tensor([[1, 2], [3, 4]]);
 * assertEquals(einsum("ij,jk->ik", a, a).toArray(), [[7, 10], [15, 22]]);
 * assertEquals(einsum("ii->", a).item(), 5);
 * ```
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  if (typeof equation !== "string") {
    throw new TypeError(`einsum: the equation is ${equation}, wants a string such as "ij,jk->ik".`);
  }
  return wrap(einsumNodes(equation, alike("einsum", operands)));
}

/**
 * Matrix product; see the method of the same name.
 *
 * @throws {ShapeError} where the inner sizes differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { matmul, ones } from "@torchopt/torchopt";
 *
 * assertEquals(matmul(ones([2, 3]), ones([3, 4])).shape, [2, 4]);
 * ```
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor("matmul", "the first operand", a);
  return a.matmul(b);
}

/**
 * Matrix of all products of elements of two vectors.
 *
 * @throws {ShapeError} where an operand is no vector
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { outer, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(outer(tensor([1, 2]), tensor([3, 4])).toArray(), [[3, 4], [6, 8]]);
 * ```
 */
export function outer(a: Tensor, b: Tensor): Tensor {
  checkTensor("outer", "the first operand", a);
  return a.outer(b);
}

/**
 * Product summed over the last `dims` dimensions of `a` and the first of `b`, or over the
 * dimensions listed for each.
 *
 * @throws {ShapeError} where the sizes that are summed over differ
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ones, tensordot } from "@torchopt/torchopt";
 *
 * assertEquals(tensordot(ones([2, 3, 4]), ones([3, 4, 5])).shape, [2, 5]);
 * ```
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  checkTensors("tensordot", [a, b]);
  if (typeof dims === "number") checkWhole("tensordot", "the number of dimensions", dims, 0);
  else if (!Array.isArray(dims) || dims.length !== 2 || !dims.every((d) => Array.isArray(d))) {
    throw new TypeError(
      `tensordot: dims is ${describe(dims)}, wants a number, or two arrays of dimensions.`,
    );
  }
  const count = (n: number) => Array.from({ length: n }, (_, i) => i);
  const [da, db] = typeof dims === "number"
    ? [count(dims).map((i) => a.ndim - dims + i), count(dims)]
    : dims;
  const axesA = da.map((d) => normalizeAxis("tensordot", d, a.ndim));
  const axesB = db.map((d) => normalizeAxis("tensordot", d, b.ndim));
  const sizes = (t: Tensor, axes: readonly number[]) => axes.map((i) => t.shape[i]);
  if (!sameShape(sizes(a, axesA), sizes(b, axesB))) {
    throw new ShapeError(
      `tensordot: dimensions ${showShape(axesA)} of ${showShape(a.shape)} and ` +
        `${showShape(axesB)} of ${showShape(b.shape)} must have equal sizes.`,
    );
  }
  const restA = count(a.ndim).filter((i) => !axesA.includes(i));
  const restB = count(b.ndim).filter((i) => !axesB.includes(i));
  const k = sizes(a, axesA).reduce((n, d) => n * d, 1);
  const rows = (t: Tensor, axes: readonly number[]) => sizes(t, axes).reduce((n, d) => n * d, 1);
  const left = a.permute([...restA, ...axesA]).reshape(rows(a, restA), k);
  const right = b.permute([...axesB, ...restB]).reshape(k, rows(b, restB));
  return left.matmul(right).reshape([...sizes(a, restA), ...sizes(b, restB)]);
}
