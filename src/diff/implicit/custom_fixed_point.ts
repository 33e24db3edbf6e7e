/**
 * Iterations with the derivative of their fixed point.
 *
 * @module
 */

import { type PyTree, treeMap } from "../../pytree/mod.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { withImplicitGradient } from "./decorator.ts";
import type { CustomRootOptions, Solved, SolverFunction } from "./types.ts";

/**
 * The same as {@linkcode customRoot} for solvers of `x = fixedPoint(x, ...args)`: the residual is
 * `x - fixedPoint(x, ...args)`, so that linear solvers meet `I - J`, whose inverse is the sum of the powers
 * of the Jacobian J.
 *
 * @param fixedPoint `(x, ...args) => x`, in the structure and shapes of x; args as the solver's
 * @param options `argnums` (from 1 on), `hasAux`, `solve`, `strict`
 * @returns a function that gives a solver `(init, ...args) => x` the gradients of the fixed point
 *
 * @example
 * ```ts
 * import { autograd, diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const step = (x: Tensor, a: Tensor) => x.add(a.div(x)).div(2);
 * const root = diff.implicit.customFixedPoint(step, { argnums: 1 })((x: Tensor, a: Tensor) => {
 *   for (let i = 0; i < 8; i++) x = step(x, a);
 *   return x;
 * });
 * const a = tensor(9, { dtype: "float64", requiresGrad: true });
 * const [g] = autograd.grad(root(tensor(1, { dtype: "float64" }), a), [a]);
 * assert(Math.abs(g!.item() - 1 / 6) < 1e-9);
 * ```
 */
export function customFixedPoint(
  // deno-lint-ignore no-explicit-any
  fixedPoint: (x: any, ...args: any[]) => unknown,
  options: CustomRootOptions,
): <F extends SolverFunction>(solver: F) => Solved<F> {
  return withImplicitGradient(
    "customFixedPoint",
    fixedPoint,
    options,
    (x: PyTree<Tensor>, ...args: unknown[]) =>
      treeMap(
        (next: Tensor, before: Tensor) => before.sub(next),
        fixedPoint(x, ...args) as PyTree<Tensor>,
        x,
      ),
  );
}
