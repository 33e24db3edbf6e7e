/**
 * Neumann series: the inverse as a sum of powers.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { showShape } from "../../graph/shape.ts";
import { treeMap, treeUnflatten } from "../../pytree/mod.ts";
import { checkNames, checkNumber, describe } from "../../tensor/describe.ts";
import { eye } from "../../tensor/creation.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { TensorTree } from "../../base.ts";
import { takeOperator, takeVector } from "./operator.ts";
import { checkCount } from "./options.ts";
import { neumannSum } from "./neumann_sum.ts";
import type { LinearOperator } from "./types.ts";

/** Options of Neumann series. */
export interface NeumannOptions {
  /** Number of terms after the first (`ns`), or of all terms (`nsInv`); default 10. */
  readonly maxiter?: number | null;
  /** Step size: the series is that of `alpha A`, times alpha (default null: 1). */
  readonly alpha?: number | null;
}

function settings(op: string, options: NeumannOptions): { count: number; alpha: number | null } {
  checkNames(op, options, ["maxiter", "alpha"]);
  const { alpha = null } = options;
  if (alpha !== null) checkNumber(op, "alpha", alpha);
  return { count: checkCount(op, "maxiter", options.maxiter) ?? 10, alpha };
}

/**
 * Solves `A x = b` approximately by a Neumann series,
 * `x = alpha (b + (I - alpha A) b + … + (I - alpha A)^maxiter b)`. It converges where all eigenvalues
 * of `I - alpha A` are smaller than 1 in absolute value; elsewhere it grows without bound.
 *
 * @param A a matrix, a tree of matrices (one for each leaf of b), or a function of trees like b
 * @param b a tree of floating-point tensors
 * @param options `maxiter` (default 10): number of terms after the first; `alpha` (default 1)
 * @returns the sum, a tree like b; its derivative is that of the sum
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = linalg.ns(tensor([[0.5]]), tensor([1]), { maxiter: 2 });
 * assertEquals(x.toArray(), [1.75]);
 * ```
 */
export function ns<T = Tensor>(A: LinearOperator<T>, b: T, options: NeumannOptions = {}): T {
  const { count, alpha } = settings("ns", options), rhs = takeVector("ns", "b", b);
  const matvec = takeOperator("ns", "A", A, rhs);
  return treeUnflatten(rhs.def, neumannSum(matvec, rhs.leaves, count, alpha)) as T;
}

/**
 * The inverse of a matrix, or of each matrix of a tree, approximately by a Neumann series,
 * `alpha (I + (I - alpha A) + … + (I - alpha A)^(maxiter - 1))`: one term less than {@linkcode ns}.
 *
 * @param A a square matrix or a tree of them
 * @param options `maxiter` (default 10): number of terms; `alpha` (default 1)
 * @returns a tree like A
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.nsInv(tensor([[0.5]]), { maxiter: 2 }).toArray(), [[1.5]]);
 * ```
 */
export function nsInv<T = Tensor>(A: T, options: NeumannOptions = {}): T {
  const { count, alpha } = settings("nsInv", options);
  const inverse = (matrix: unknown) => {
    if (!(matrix instanceof Tensor)) {
      throw new TypeError(
        `nsInv: got ${describe(matrix)}, wants a square matrix or a tree of them.`,
      );
    }
    const { shape, dtype } = matrix;
    if (shape.length !== 2 || shape[0] !== shape[1]) {
      throw new ShapeError(`nsInv: got shape ${showShape(shape)}, wants square matrices.`);
    }
    const one = eye(shape[0], { dtype });
    if (count === 0) return one.mul(0);
    return neumannSum(([v]) => [matrix.matmul(v)], [one], count - 1, alpha)[0];
  };
  return treeMap(inverse, A as TensorTree) as T;
}
