/**
 * QR factorization.
 *
 * @module
 */

import * as factors from "../../primitives/linalg/qr.ts";
import { wrap } from "../../tensor/core.ts";
import { checkNames, describe } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { matricesOf } from "./operands.ts";

/** Options of {@linkcode qr}. */
export interface QrOptions {
  /**
   * `"reduced"` (the default) gives Q `[..., m, k]` and R `[..., k, n]`, k the smaller size;
   * `"complete"` Q `[..., m, m]` and R `[..., m, n]`.
   */
  mode?: "reduced" | "complete";
}

/**
 * Q with orthonormal columns and upper triangular R with `A = Q R`, for matrices `[..., m, n]`, float32
 * or float64, by Householder reflections. Signs are those of LAPACK (so of NumPy and PyTorch): R's
 * diagonal may be negative.
 *
 * Derivatives of every order where the first `min(m, n)` columns are independent (else infinities or
 * NaN); there is none of the complete basis of a tall matrix, which is not unique.
 *
 * Golub & Van Loan, Matrix Computations, 2013, ch. 5.2.
 *
 * @throws {ShapeError} where A has fewer than two dimensions
 * @throws {GradientError} for a derivative in mode "complete" with m > n
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [Q, R] = linalg.qr(tensor([[3], [4]], { dtype: "float64" }));
 * assertEquals(R.toArray(), [[-5]]);
 * assertEquals([...Q.data()].map((x) => Math.round(Number(x) * 10)), [-6, -8]);
 * ```
 */
export function qr(A: Tensor, options: QrOptions = {}): [Q: Tensor, R: Tensor] {
  checkNames("qr", options, ["mode"]);
  const { mode = "reduced" } = options;
  if (mode !== "reduced" && mode !== "complete") {
    throw new TypeError(`qr: mode is ${describe(mode)}, wants "reduced" or "complete".`);
  }
  const [q, r] = factors.qr(matricesOf("qr", A), mode === "complete");
  return [wrap(q), wrap(r)];
}
