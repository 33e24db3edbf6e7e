/**
 * Nonlinear least squares.
 *
 * @module
 */

import type { Solution } from "../linalg/iterative/solution.ts";
import { vjp } from "../autodiff/function_transforms.ts";
import { auto } from "../linear_solve/auto.ts";
import { takeVector } from "../linalg/iterative/operator.ts";
import { checkObject } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { levenbergMarquardt } from "./levenberg_marquardt.ts";
import { checkMethod, finish, onVectors, settingsOf, unknownsOf } from "./problem.ts";
import type { LeastSquaresMethod, SolverOptions } from "./types.ts";

/** Options of {@linkcode leastSquares}. */
export interface LeastSquaresSolverOptions extends SolverOptions {
  /** How: `levenbergMarquardt()` (default), `gaussNewton()`, `dogleg()`. */
  readonly method?: LeastSquaresMethod;
}

/**
 * Finds x that makes the sum of the squares of `fn(x)` least, locally and in the graph: one run, however
 * many iterations. It ends where no element of the gradient `J^T r` is larger than `atol` (default 1e-13;
 * float32 1e-6) or rounding, or no step is larger than `rtol` (1e-12; 1e-6) times x.
 *
 * The solution has the derivative of the equation `J^T r = 0` with respect to everything that `fn` reads,
 * of every order and never through the iterations, unless `differentiate` says otherwise.
 *
 * @param fn a function of a tree like x0 that gives a tree of residuals
 * @param x0 where to start: a tree of floating-point tensors
 * @param options `method`, `rtol`, `atol`, `maxiter` (default 200), `differentiate`, `solve`
 * @returns the solution, with iterations, status and the norm of the residuals
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const t = tensor([0, 1, 2], { dtype: "float64" }), y = tensor([2, 1, 0.5], { dtype: "float64" });
 * const decay = (p: { a: Tensor; k: Tensor }) => p.a.mul(p.k.mul(t).neg().exp()).sub(y);
 * const one = tensor(1, { dtype: "float64" });
 * const { value } = solvers.leastSquares(decay, { a: one, k: one });
 * assert(Math.abs(value.a.item() - 2) < 1e-8 && Math.abs(value.k.item() - Math.LN2) < 1e-8);
 * ```
 */
export function leastSquares<T = Tensor>(
  fn: (x: T) => unknown,
  x0: T,
  options: LeastSquaresSolverOptions = {},
): Solution<T> {
  const op = "leastSquares";
  checkObject(op, options);
  const unknowns = unknownsOf(op, x0);
  const { method = levenbergMarquardt() } = options;
  const { rtol, atol, maxiter } = settingsOf(op, options, ["method"], unknowns, {
    rtol: [1e-6, 1e-12],
    atol: [1e-6, 1e-13],
    maxiter: 200,
  });
  checkMethod(op, method);
  const r = onVectors(
    op,
    fn as (x: never) => unknown,
    unknowns,
    (y) => takeVector(op, "what the function returned", y).leaves,
  );
  const run = () => method.run({ r: r.now, x0: unknowns.x0, tolerance: atol, step: rtol, maxiter });
  const slope = (x: Tensor) => {
    const [y, pullback] = vjp(r, x);
    return pullback(y)[0] as Tensor;
  };
  return finish<T, ReturnType<typeof run>>(
    op,
    options,
    unknowns,
    run,
    slope,
    auto({ symmetric: true }),
  ).solution;
}
