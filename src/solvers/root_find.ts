/**
 * Roots of functions of trees.
 *
 * @module
 */

import type { Solution } from "../linalg/iterative/solution.ts";
import { maximum } from "../tensor/functions.ts";
import { checkObject } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { newton } from "./newton.ts";
import { size } from "./newton_steps.ts";
import { alike, checkMethod, finish, onVectors, settingsOf, unknownsOf } from "./problem.ts";
import type { RootMethod, SolverOptions } from "./types.ts";

/** Options of {@linkcode rootFind}. */
export interface RootFindOptions extends SolverOptions {
  /** How to find it: `newton()` (default), `chord()`, `broyden()`, `bisection({ lower, upper })`. */
  readonly method?: RootMethod;
}

/**
 * Finds x with `fn(x) = 0`, in the graph: one run, however many iterations. It ends where the largest
 * residual is at most `atol` (default 1e-12; float32 1e-5) or `rtol` (1e-10; 1e-5) times that of the
 * start, and the latest step was tiny; bisection where brackets are at most `atol` long.
 *
 * The solution has the derivative of the equation with respect to everything that `fn` reads, of every
 * order and never through the iterations, unless `differentiate` says otherwise.
 *
 * @param fn a function of a tree like x0 that gives as many numbers, in the same structure
 * @param x0 where to start: a tree of floating-point tensors
 * @param options `method`, `rtol`, `atol`, `maxiter` (default 100), `differentiate`, `solve`
 * @returns the root, with iterations, status and the norm of the residual
 *
 * @example
 * ```ts
 * import { autograd, solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const a = tensor(9, { dtype: "float64", requiresGrad: true });
 * const { value, status } = solvers.rootFind(
 *   (x: Tensor) => x.square().sub(a),
 *   tensor(1, { dtype: "float64" }),
 * );
 * assertEquals(status, "converged");
 * assert(Math.abs(autograd.grad(value, [a])[0]!.item() - 1 / 6) < 1e-12);
 * ```
 */
export function rootFind<T = Tensor>(
  fn: (x: T) => T,
  x0: T,
  options: RootFindOptions = {},
): Solution<T> {
  const op = "rootFind";
  checkObject(op, options);
  const unknowns = unknownsOf(op, x0), { method = newton() } = options;
  const settings = settingsOf(op, options, ["method"], unknowns, {
    rtol: [1e-5, 1e-10],
    atol: [1e-5, 1e-12],
    maxiter: 100,
  });
  checkMethod(op, method);
  const f = onVectors(
    op,
    fn as (x: never) => unknown,
    unknowns,
    alike(op, "what it returned", unknowns),
  );
  const bisects = method.name === "bisection";
  const run = () =>
    method.run({
      f: f.now,
      x0: unknowns.x0,
      tolerance: maximum(size(f.now(unknowns.x0)).mul(settings.rtol), settings.atol),
      step: bisects ? settings.atol : unknowns.single ? 1e-4 : 1e-9,
      maxiter: settings.maxiter,
    });
  return finish<T, ReturnType<typeof run>>(op, options, unknowns, run, f).solution;
}
