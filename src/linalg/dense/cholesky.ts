/**
 * Cholesky factorization.
 *
 * @module
 */

import type { Node } from "../../graph/node.ts";
import { cholesky as factor } from "../../primitives/linalg/cholesky.ts";
import { symmetricPart, transposed } from "../../primitives/linalg/matrices.ts";
import { broadcastSystem } from "../../primitives/linalg/solve.ts";
import { triangularSolve } from "../../primitives/linalg/triangular.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkFlag, squareOf, withRightSide } from "./operands.ts";

/** Options of {@linkcode cholesky}. */
export interface CholeskyOptions {
  /** Whether the factor is upper triangular, `A = U^T U` (default false: lower, `A = L L^T`). */
  upper?: boolean;
  /**
   * Whether the symmetric part `(A + A^T) / 2` is factored (the default). With false only the triangle
   * that the factor has is read, as NumPy does; the other one may hold anything and gets the gradient 0.
   */
  symmetrize?: boolean;
}

/**
 * Cholesky factor of symmetric positive definite matrices `[..., n, n]`, float32 or float64: lower
 * triangular L with `A = L L^T`.
 *
 * A matrix that is not positive definite, or holds NaN, gives a triangle of NaN, since a graph cannot
 * stop half way (PyTorch and NumPy throw). Of a matrix that is not symmetric the symmetric part is
 * factored, and its gradient is symmetric, unless `symmetrize` is false. Derivatives of every order.
 *
 * Golub & Van Loan, Matrix Computations, 2013, ch. 4.2; Murray, Differentiation of the Cholesky
 * decomposition, 2016.
 *
 * @throws {ShapeError} where the matrices are not square
 * @throws {DTypeError} where A is not float32 or float64
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const L = linalg.cholesky(tensor([[4, 2], [2, 10]]));
 * assertEquals(L.toArray(), [[2, 0], [1, 3]]);
 * ```
 */
export function cholesky(A: Tensor, options: CholeskyOptions = {}): Tensor {
  checkNames("cholesky", options, ["upper", "symmetrize"]);
  const { upper = false, symmetrize = true } = options;
  checkFlag("cholesky", "upper", upper);
  checkFlag("cholesky", "symmetrize", symmetrize);
  const a = squareOf("cholesky", A);
  if (symmetrize) {
    const l = factor(symmetricPart(a));
    return wrap(upper ? transposed(l) : l);
  }
  return wrap(upper ? transposed(factor(transposed(a))) : factor(a));
}

/** Options of {@linkcode choleskySolve}. */
export interface CholeskySolveOptions {
  /** Whether the factor is upper triangular (default false). */
  upper?: boolean;
}

/**
 * X with `A X = B`, from the Cholesky factor of A: two triangular systems.
 *
 * @param B a vector `[n]`, vectors of just the batch of L, or matrices `[..., n, k]`; batches broadcast
 * @param L what {@linkcode cholesky} returns for A (torch.cholesky_solve has the same order)
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const L = linalg.cholesky(tensor([[4, 0], [0, 9]]));
 * assertEquals(linalg.choleskySolve(tensor([4, 18]), L).toArray(), [1, 2]);
 * ```
 */
export function choleskySolve(B: Tensor, L: Tensor, options: CholeskySolveOptions = {}): Tensor {
  checkNames("choleskySolve", options, ["upper"]);
  const { upper = false } = options;
  checkFlag("choleskySolve", "upper", upper);
  const l = squareOf("choleskySolve", L, "L"), n = l.shape[l.shape.length - 1];
  return withRightSide(
    "choleskySolve",
    l,
    B,
    n,
    (b) =>
      broadcastSystem("choleskySolve", l, b, (factors, right) => {
        const step = (x: Node, transpose: boolean) =>
          triangularSolve(factors, x, { upper, unit: false, transpose });
        return step(step(right, upper), !upper);
      }),
  );
}
