/**
 * Eigenvalues of symmetric matrices, and singular values.
 *
 * @module
 */

import { symmetricPart, transposed } from "../../primitives/linalg/matrices.ts";
import { qr } from "../../primitives/linalg/qr.ts";
import * as values from "../../primitives/linalg/spectral.ts";
import { concat, detach, narrow } from "../../primitives/movement.ts";
import type { Node } from "../../graph/node.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkFlag, matricesOf, squareOf } from "./operands.ts";

/**
 * Eigenvalues `[..., n]` in ascending order and eigenvectors, the columns of `[..., n, n]`, of
 * symmetric matrices, float32 or float64, by Jacobi's method. Of a matrix that is not symmetric the
 * symmetric part is taken. The first of the largest entries of each vector is positive. Infinities and
 * NaN give NaN.
 *
 * Derivatives of every order. Where eigenvalues are equal (within rounding), functions of the
 * eigenvalues alone that treat them alike, such as the sum of their logarithms, have right derivatives
 * of two orders; vectors are taken not to turn among each other, which is right for whatever does not
 * depend on their choice, such as the projection onto their space. What the derivative of
 * `V f(w) V^T` at such a point would need is lost: use {@linkcode matrixExp}, {@linkcode inv} and
 * products for functions of a matrix.
 *
 * Golub & Van Loan, Matrix Computations, 2013, ch. 8.5.
 *
 * @throws {ShapeError} where the matrices are not square
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [w, V] = linalg.eigh(tensor([[5, 0], [0, 2]]));
 * assertEquals(w.toArray(), [2, 5]);
 * assertEquals(V.toArray(), [[0, 1], [1, 0]]);
 * ```
 */
export function eigh(A: Tensor): [eigenvalues: Tensor, eigenvectors: Tensor] {
  const [w, v] = values.eigh(symmetricPart(squareOf("eigh", A)));
  return [wrap(w), wrap(v)];
}

/**
 * The eigenvalues of {@linkcode eigh} alone.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.eigvalsh(tensor([[2, 0], [0, -1]])).toArray(), [-1, 2]);
 * ```
 */
export function eigvalsh(A: Tensor): Tensor {
  return wrap(values.eigh(symmetricPart(squareOf("eigvalsh", A)))[0]);
}

/** Options of {@linkcode svd}. */
export interface SvdOptions {
  /**
   * Whether U and V are whole bases `[..., m, m]` and `[..., n, n]` (default false, as what can be
   * differentiated; PyTorch's default is true). The vectors beyond the smaller size have no derivative.
   */
  fullMatrices?: boolean;
}

/**
 * U, S and V^T with `A = U diag(S) V^T` for matrices `[..., m, n]`, float32 or float64: orthonormal
 * columns `[..., m, k]`, singular values `[..., k]` in descending order and orthonormal rows
 * `[..., k, n]`, k the smaller size, by one-sided Jacobi rotations. The first of the largest entries of
 * each column is positive (of U, or of V where A is wide). Infinities and NaN give NaN.
 *
 * Derivatives of every order. Where singular values are equal (within rounding), functions of the
 * singular values alone that treat them alike have right derivatives of two orders, and so has what
 * stays finite of the vectors, such as `U V^T`; these are else taken not to turn among each other, as in
 * {@linkcode eigh}. Vectors of singular values 0 are taken not to leave their space.
 *
 * Golub & Van Loan, Matrix Computations, 2013, ch. 8.6.
 *
 * @throws {ShapeError} where A has fewer than two dimensions
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [U, S, Vh] = linalg.svd(tensor([[0, 3], [2, 0]]));
 * assertEquals(S.toArray(), [3, 2]);
 * assertEquals(U.matmul(S.diag()).matmul(Vh).toArray(), [[0, 3], [2, 0]]);
 * ```
 */
export function svd(A: Tensor, options: SvdOptions = {}): [U: Tensor, S: Tensor, Vh: Tensor] {
  checkNames("svd", options, ["fullMatrices"]);
  const { fullMatrices = false } = options;
  checkFlag("svd", "fullMatrices", fullMatrices);
  const a = matricesOf("svd", A), [m, n] = a.shape.slice(-2);
  const [u, s, vh] = values.svd(a);
  if (!fullMatrices) return [wrap(u), wrap(s), wrap(vh)];
  const left = m > n ? completed(u) : u;
  const right = n > m ? transposed(completed(transposed(vh))) : vh;
  return [wrap(left), wrap(s), wrap(right)];
}

/** Orthonormal columns [..., m, n] and as many more as make a basis. */
function completed(u: Node): Node {
  const [m, n] = u.shape.slice(-2), axis = u.shape.length - 1;
  const [basis] = qr(detach(u), true);
  return concat([u, narrow(basis, axis, n, m - n)], axis);
}

/**
 * The singular values of {@linkcode svd} alone.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(linalg.svdvals(tensor([[0, -2], [1, 0]])).toArray(), [2, 1]);
 * ```
 */
export function svdvals(A: Tensor): Tensor {
  return wrap(values.svd(matricesOf("svdvals", A))[1]);
}
