/**
 * Solvers with the derivative of the equation that they solve.
 *
 * @module
 */

import { withImplicitGradient } from "./decorator.ts";
import type { CustomRootOptions, Solved, SolverFunction } from "./types.ts";

/**
 * A decorator for solvers of `optimality(x, ...args) = 0`: gradients of the solution are those of the
 * equation, by the implicit function theorem (Krantz & Parks, The implicit function theorem, 2003;
 * Blondel et al., Efficient and modular implicit differentiation, 2022), and the iterations of the
 * solver are never differentiated.
 *
 * The solver may be anything: a loop that reads values, an optimizer, a closed form. With cotangent w
 * of the solution, and A the Jacobian of `optimality` there, `A^T u = -w` is solved, and the gradient
 * is `u^T` times the Jacobian in the arguments. Derivatives of every order, `func.jvp`, `vmap()` and
 * `compile()` work; inside of the last two the solver cannot read values.
 *
 * `optimality` sees its arguments and surroundings as they are when the solver is called. Tensors of
 * its surroundings, such as a module's parameters, get gradients as well; arguments outside of
 * `argnums` do not.
 *
 * @param optimality `(x, ...args) => residual`, in the structure and shapes of x; args as the solver's
 * @param options `argnums` (from 1 on), `hasAux`, `solve`, `strict`
 * @returns a function that gives a solver `(init, ...args) => x` these gradients
 * @throws {GradientError} when differentiated, where the linear solve does not converge
 *
 * @example
 * ```ts
 * import { autograd, diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * // Ridge regression: gradients with respect to the weight of the penalty.
 * const X = tensor([[1, 0], [0, 2], [1, 1]], { dtype: "float64" });
 * const y = tensor([1, 2, 3], { dtype: "float64" });
 * const optimality = (w: Tensor, l2: Tensor) => X.t().matmul(X.matmul(w).sub(y)).add(w.mul(l2));
 * const ridge = diff.implicit.customRoot(optimality, { argnums: 1 })((w: Tensor, l2: Tensor) => {
 *   for (let step = 0; step < 200; step++) w = w.sub(optimality(w, l2).mul(0.15)).detach();
 *   return w;
 * });
 * const l2 = tensor(0.5, { dtype: "float64", requiresGrad: true });
 * const w = ridge(tensor([0, 0], { dtype: "float64" }), l2);
 * const [g] = autograd.grad(w.sum(), [l2]);
 * assert(Math.abs(g!.item() + 0.539792) < 1e-5);
 * ```
 */
export function customRoot(
  // deno-lint-ignore no-explicit-any
  optimality: (x: any, ...args: any[]) => unknown,
  options: CustomRootOptions,
): <F extends SolverFunction>(solver: F) => Solved<F> {
  return withImplicitGradient("customRoot", optimality, options, optimality);
}
