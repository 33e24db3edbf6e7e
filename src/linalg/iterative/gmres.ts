/**
 * Generalized minimal residuals (Saad & Schultz, GMRES: a generalized minimal residual algorithm for
 * solving nonsymmetric linear systems, 1986).
 *
 * @module
 */

import type { Tensor } from "../../tensor/tensor.ts";
import { gmresOf } from "./gmres_method.ts";
import type { Solution } from "./solution.ts";
import { solveTree } from "./solve.ts";
import type { GmresOptions, LinearOperator } from "./types.ts";

/**
 * Solves `A x = b` by restarted GMRES and says how good the result is: see {@linkcode gmres}.
 * `iterations` counts products with A inside of the cycles.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const shift = tensor([[0, 1], [1, 0]], { dtype: "float64" });
 * const b = tensor([1, 0], { dtype: "float64" });
 * assertEquals(linalg.gmresSolution(shift, b, null, { restart: 1 }).status, "stagnated");
 * assertEquals(linalg.gmresSolution(shift, b).status, "converged");
 * ```
 */
export function gmresSolution<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: GmresOptions<T> = {},
): Solution<T> {
  return solveGmresTree("gmresSolution", A, b, x0, options);
}

/**
 * Solves `A x = b` by restarted GMRES, for any square `A`. The residual never grows, and memory grows
 * with `restart`; a cycle that comes no nearer ends the iteration (`"stagnated"`), where a larger
 * `restart` helps. The preconditioner acts from the left.
 *
 * @param A a matrix, a tree of matrices (one for each leaf of b), or a function of trees like b
 * @param b a tree of floating-point tensors; all leaves are one vector together
 * @param x0 where to start (default 0)
 * @param options `restart`, `maxiter` (of cycles), tolerances, preconditioner `M`, `ridge`
 * @returns the solution, a tree like b; its derivative is that of the equation
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const A = tensor([[0, 1], [-2, 3]], { dtype: "float64" });
 * const x = linalg.gmres(A, tensor([1, 1], { dtype: "float64" }));
 * assert(x.sub(1).abs().max().item() < 1e-12);
 * ```
 */
export function gmres<T = Tensor>(
  A: LinearOperator<T>,
  b: T,
  x0?: T | null,
  options: GmresOptions<T> = {},
): T {
  return solveGmresTree("gmres", A, b, x0, options).value;
}

function solveGmresTree<T>(
  op: string,
  A: LinearOperator<T>,
  b: T,
  x0: T | null | undefined,
  options: GmresOptions<T>,
): Solution<T> {
  return solveTree(op, gmresOf(op, options), A, b, x0, options, ["restart"]);
}
