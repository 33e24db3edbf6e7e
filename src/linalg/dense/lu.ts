/**
 * LU factorization with partial pivoting.
 *
 * @module
 */

import { DTypeError, ShapeError } from "../../graph/errors.ts";
import { sameShape, showShape } from "../../graph/shape.ts";
import * as factors from "../../primitives/linalg/lu.ts";
import { block, identity, lower, upper } from "../../primitives/linalg/matrices.ts";
import { broadcastSystem } from "../../primitives/linalg/solve.ts";
import { add } from "../../primitives/elementwise.ts";
import { expand } from "../../primitives/movement.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames } from "../../tensor/describe.ts";
import { checkTensor } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkFlag, matricesOf, squareOf, withRightSide } from "./operands.ts";

/**
 * P, L and U with `A = P L U` for matrices `[..., m, n]`, float32 or float64: a permutation matrix
 * `[..., m, m]`, a lower triangle with ones on the diagonal `[..., m, k]` and an upper triangle
 * `[..., k, n]`, k the smaller size. The pivot of a column is its largest entry, the first of equals.
 *
 * A singular matrix has zeros on U's diagonal. Derivatives of every order, where the leading k columns
 * are regular; there is none through the permutation.
 *
 * Golub & Van Loan, Matrix Computations, 2013, ch. 3.4.
 *
 * @throws {ShapeError} where A has fewer than two dimensions
 * @throws {DTypeError} where A is not float32 or float64
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [P, L, U] = linalg.lu(tensor([[1, 3], [2, 4]]));
 * assertEquals(P.toArray(), [[0, 1], [1, 0]]);
 * assertEquals(L.toArray(), [[1, 0], [0.5, 1]]);
 * assertEquals(U.toArray(), [[2, 4], [0, 1]]);
 * ```
 */
export function lu(A: Tensor): [P: Tensor, L: Tensor, U: Tensor] {
  const a = matricesOf("lu", A), [m, n] = a.shape.slice(-2), k = Math.min(m, n);
  const [packed, order] = factors.lu(a);
  return [
    wrap(factors.permutationMatrix(order, a)),
    wrap(add(lower(block(packed, 0, m, 0, k), -1), identity(k, a, m))),
    wrap(upper(block(packed, 0, k, 0, n))),
  ];
}

/**
 * The factors of {@linkcode lu} in the form that {@linkcode luSolve} takes: L below the diagonal and U
 * on and above it, in one matrix `[..., m, n]`; and for each column the row, counted from 0, that it
 * was exchanged with, int64 `[..., min(m, n)]` (PyTorch and LAPACK count from 1).
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [LU, pivots] = linalg.luFactor(tensor([[1, 3], [2, 4]]));
 * assertEquals(LU.toArray(), [[2, 4], [0.5, 1]]);
 * assertEquals(pivots.toArray(), [1, 1]);
 * assertEquals(linalg.luSolve(LU, pivots, tensor([7, 10])).toArray(), [1, 2]);
 * ```
 */
export function luFactor(A: Tensor): [LU: Tensor, pivots: Tensor] {
  const [packed, , pivots] = factors.lu(matricesOf("luFactor", A));
  return [wrap(packed), wrap(pivots)];
}

/** Options of {@linkcode luSolve}. */
export interface LuSolveOptions {
  /** Whether `A^T X = B` is solved (default false). */
  transpose?: boolean;
}

/**
 * X with `A X = B`, from what {@linkcode luFactor} gives for A `[..., n, n]`: one factorization serves
 * many right sides. A singular matrix gives infinities or NaN. Derivatives pass through the factors.
 *
 * @param B a vector `[n]`, vectors of just the batch of A, or matrices `[..., n, k]`; batches broadcast
 *
 * @throws {ShapeError} where LU, pivots and B do not fit together
 * @throws {DTypeError} where pivots are no whole numbers, or LU and B of two types
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [LU, pivots] = linalg.luFactor(tensor([[0, 2], [4, 0]]));
 * assertEquals(linalg.luSolve(LU, pivots, tensor([2, 4])).toArray(), [1, 1]);
 * assertEquals(linalg.luSolve(LU, pivots, tensor([2, 4]), { transpose: true }).toArray(), [2, 0.5]);
 * ```
 */
export function luSolve(
  LU: Tensor,
  pivots: Tensor,
  B: Tensor,
  options: LuSolveOptions = {},
): Tensor {
  checkNames("luSolve", options, ["transpose"]);
  const { transpose = false } = options;
  checkFlag("luSolve", "transpose", transpose);
  const packed = squareOf("luSolve", LU, "LU"), n = packed.shape[packed.shape.length - 1];
  checkTensor("luSolve", "pivots", pivots);
  if (pivots.dtype !== "int64") {
    throw new DTypeError(
      `luSolve: pivots are ${pivots.dtype}, wants int64 as luFactor() gives them.`,
    );
  }
  if (!sameShape(pivots.shape, packed.shape.slice(0, -1))) {
    throw new ShapeError(
      `luSolve: got LU ${showShape(packed.shape)} and pivots ${showShape(pivots.shape)}, wants ` +
        `pivots ${showShape(packed.shape.slice(0, -1))}.`,
    );
  }
  const order = factors.orderOf(pivots.node, n);
  return withRightSide(
    "luSolve",
    packed,
    B,
    n,
    (b) =>
      broadcastSystem(
        "luSolve",
        packed,
        b,
        (left, right) =>
          factors.luSolve(left, expand(order, left.shape.slice(0, -1)), right, transpose),
      ),
  );
}
