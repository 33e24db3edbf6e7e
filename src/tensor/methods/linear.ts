/**
 * Methods of tensors: linear algebra.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { constantNode } from "../../graph/leaf.ts";
import type { Node } from "../../graph/node.ts";
import { showShape } from "../../graph/shape.ts";
import { det } from "../../primitives/linalg/determinant.ts";
import { inv, solve } from "../../primitives/linalg/solve.ts";
import { mul, num, where } from "../../primitives/elementwise.ts";
import { reshape } from "../../primitives/movement.ts";
import { sum } from "../../primitives/reduce.ts";
import { wrap } from "../core.ts";
import { IndexMethods } from "./index.ts";
import { pairOf } from "./operands.ts";
import { checkTensor } from "../promotion.ts";
import { inner, matmul } from "../formulas/products.ts";
import { diagonal } from "../formulas/rearrange.ts";
import { countable } from "../formulas/statistics.ts";
import type { Tensor } from "../tensor.ts";
import { checkNames } from "../describe.ts";

/**
 * Products and linear systems.
 *
 * @example
 * ```ts
 * import { eye, ones, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[1, 2], [3, 4]]), v = tensor([1, -1]);
 * assertEquals(A.mv(v).toArray(), [-1, -1]);
 * assertEquals(A.mm(eye(2)).toArray(), A.toArray());
 * assertEquals(ones([5, 2, 3]).bmm(ones([5, 3, 4])).shape, [5, 2, 4]);
 * assertEquals(eye(2).addmm(A, A, { alpha: 2 }).toArray(), [[15, 20], [30, 45]]);
 * ```
 */
export abstract class LinearMethods extends IndexMethods {
  /**
   * Matrix product with PyTorch's rules: two vectors give their inner product, a vector is a row on
   * the left and a column on the right, and leading dimensions are batches that broadcast.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * const a = tensor([[1, 2], [3, 4]]);
   * assertEquals(a.matmul(tensor([1, -1])).toArray(), [-1, -1]);
   * ```
   */
  matmul(other: Tensor): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(matmul(a, b));
  }

  /** Product of two matrices. */
  mm(other: Tensor): Tensor {
    checkTensor("mm", "the operand", other);
    checkRanks("mm", [this.shape, 2], [other.shape, 2]);
    return this.matmul(other);
  }

  /** Products of two batches of matrices, `[b, n, k]` and `[b, k, m]`. */
  bmm(other: Tensor): Tensor {
    checkTensor("bmm", "the operand", other);
    checkRanks("bmm", [this.shape, 3], [other.shape, 3]);
    if (this.shape[0] !== other.shape[0]) {
      throw new ShapeError(
        `bmm: got ${showShape(this.shape)} and ${showShape(other.shape)}, wants batches of one ` +
          `size; matmul() broadcasts.`,
      );
    }
    return this.matmul(other);
  }

  /** Product of a matrix and a vector. */
  mv(vector: Tensor): Tensor {
    checkTensor("mv", "the vector", vector);
    checkRanks("mv", [this.shape, 2], [vector.shape, 1]);
    return this.matmul(vector);
  }

  /** `beta * this + alpha * (a @ b)`; with beta 0, NaN and infinities of `this` do not count. */
  addmm(a: Tensor, b: Tensor, options: { alpha?: number; beta?: number } = {}): Tensor {
    checkNames("addmm", options, ["alpha", "beta"]);
    const { alpha = 1, beta = 1 } = options;
    checkTensor("addmm", "the first factor", a);
    const product = a.mm(b);
    const scaled = alpha === 1 ? product : product.mul(alpha);
    if (beta !== 0) return scaled.add(wrap(this.node).mul(beta));
    const own = this.node;
    return scaled.add(wrap(where(constantNode(1, "bool"), num(0, own), own)));
  }

  /** Inner product of two vectors of one length. */
  dot(other: Tensor): Tensor {
    const [a, b] = pairOf(this, other);
    return wrap(inner("dot", a, b));
  }

  /** Matrix of all products of elements of two vectors. */
  outer(other: Tensor): Tensor {
    checkTensor("outer", "the operand", other);
    checkRanks("outer", [this.shape, 1], [other.shape, 1]);
    const [a, b] = pairOf(this, other);
    return wrap(mul(reshape(a, [a.shape[0], 1]), b));
  }

  /** Sum of the elements on a matrix's main diagonal; booleans and small integers count in int64. */
  trace(): Tensor {
    checkRanks("trace", [this.shape, 2]);
    return wrap(sum(countable(diagonal(this.node, 0)), [0], false));
  }

  /** Inverses of square matrices `[..., n, n]`; infinities or NaN where there is none. */
  inverse(): Tensor {
    return wrap(inv(this.node));
  }

  /** Determinants of square matrices `[..., n, n]`; the derivative is the matrix of cofactors. */
  det(): Tensor {
    return wrap(det(this.node));
  }

  /**
   * X with `this @ X = b`. `b` is a vector `[n]` or matrices `[..., n, k]`; batches broadcast. A
   * singular matrix gives infinities or NaN.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { tensor } from "@torchopt/torchopt";
   *
   * const a = tensor([[2, 0], [0, 4]]);
   * assertEquals(a.solve(tensor([2, 2])).toArray(), [1, 0.5]);
   * ```
   */
  solve(b: Tensor): Tensor {
    const [a, right] = pairOf(this, b);
    if (right.shape.length > 1) return wrap(solve(a, right));
    const column = (x: Node) => reshape(x, [...x.shape, 1]);
    const y = solve(a, column(right));
    return wrap(reshape(y, y.shape.slice(0, -1)));
  }
}

function checkRanks(op: string, ...wanted: [readonly number[], number][]): void {
  if (wanted.every(([shape, rank]) => shape.length === rank)) return;
  throw new ShapeError(
    `${op}: got ${wanted.map(([s]) => showShape(s)).join(" and ")}, wants ` +
      `${wanted.map(([, rank]) => rank).join(" and ")} dimension(s); matmul() takes any.`,
  );
}
