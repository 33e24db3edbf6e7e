/**
 * Fixed points of functions of trees.
 *
 * @module
 */

import type { Solution } from "../linalg/iterative/solution.ts";
import { checkObject } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { anderson } from "./anderson.ts";
import { alike, checkMethod, finish, onVectors, settingsOf, unknownsOf } from "./problem.ts";
import type { FixedPointMethod, SolverOptions } from "./types.ts";

/** Options of {@linkcode fixedPoint}. */
export interface FixedPointOptions extends SolverOptions {
  /** How to find it: `anderson()` (default) or `picard()`. */
  readonly method?: FixedPointMethod;
}

/**
 * Finds x with `fn(x) = x`, in the graph: one run, however many iterations. It ends where no element
 * moves by more than `atol` (default 1e-12; float32 1e-6) or `rtol` (1e-10; 1e-5) times the largest one.
 *
 * The solution has the derivative of the equation with respect to everything that `fn` reads, of every
 * order and never through the iterations, unless `differentiate` says otherwise.
 *
 * @param fn a function of a tree like x0 that gives such a tree
 * @param x0 where to start: a tree of floating-point tensors
 * @param options `method`, `rtol`, `atol`, `maxiter` (default 1000), `differentiate`, `solve`
 * @returns the fixed point, with iterations, status and the norm of the last move
 *
 * @example
 * ```ts
 * import { autograd, solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const a = tensor(9, { dtype: "float64", requiresGrad: true });
 * const { value } = solvers.fixedPoint(
 *   (x: Tensor) => x.add(a.div(x)).div(2),
 *   tensor(1, { dtype: "float64" }),
 * );
 * assert(Math.abs(autograd.grad(value, [a])[0]!.item() - 1 / 6) < 1e-12);
 * ```
 */
export function fixedPoint<T = Tensor>(
  fn: (x: T) => T,
  x0: T,
  options: FixedPointOptions = {},
): Solution<T> {
  const op = "fixedPoint";
  checkObject(op, options);
  const unknowns = unknownsOf(op, x0), { method = anderson() } = options;
  const settings = settingsOf(op, options, ["method"], unknowns, {
    rtol: [1e-5, 1e-10],
    atol: [1e-6, 1e-12],
    maxiter: 1000,
  });
  checkMethod(op, method);
  const g = onVectors(
    op,
    fn as (x: never) => unknown,
    unknowns,
    alike(op, "what it returned", unknowns),
  );
  const run = () => method.run({ g: g.now, x0: unknowns.x0, ...settings });
  return finish<T, ReturnType<typeof run>>(op, options, unknowns, run, (x) => x.sub(g(x))).solution;
}
