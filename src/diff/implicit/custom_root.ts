/**
 * Solvers with the derivative of the equation that they solve.
 *
 * @module
 */

import { solveNormalCg } from "../../linear_solve/solve_normal_cg.ts";
import type { LinearSolver } from "../../linear_solve/solver.ts";
import { takeVector } from "../../linalg/iterative/operator.ts";
import { detach } from "../../primitives/movement.ts";
import { type PyTree, treeMap, treeUnflatten } from "../../pytree/mod.ts";
import { wrap } from "../../tensor/core.ts";
import { checkFunction, checkNames, describe } from "../../tensor/describe.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { implicitRoot } from "./root.ts";

/** Options of {@linkcode customRoot} and {@linkcode customFixedPoint}. */
export interface CustomRootOptions {
  /** Which arguments to differentiate: numbers from 1 on, since argument 0 is where solvers start. */
  readonly argnums: number | readonly number[];
  /** Whether the solver returns `[solution, aux]`; `aux` is passed on (default false). */
  readonly hasAux?: boolean;
  /** Solves the linear system of the derivative (default `linearSolve.solveNormalCg()`). */
  readonly solve?: LinearSolver;
  /**
   * Whether a residual far from 0 at the solution is an error, and a linear solve that ended at its
   * `maxiter` (default false: the first one is warned of once, the second one taken).
   */
  readonly strict?: boolean;
}

/** A function of a start and of further arguments. */
// deno-lint-ignore no-explicit-any
type Function = (...args: any[]) => any;

/** The numbers of the differentiated arguments. */
function numbersOf(op: string, argnums: unknown): number[] {
  const numbers = Array.isArray(argnums) ? argnums : [argnums];
  for (const n of numbers) {
    if (Number.isInteger(n) && n > 0) continue;
    throw new RangeError(
      `${op}: argnums is ${describe(n)}, wants whole numbers from 1 on: argument 0 is where the ` +
        `solver starts, of which the solution is independent.`,
    );
  }
  if (numbers.length === 0) {
    throw new RangeError(`${op}: argnums is empty; name the arguments to differentiate.`);
  }
  return numbers;
}

/** The tensors of a tree as `change` gives them; everything else stays. */
function mapTensors(tree: unknown, change: (x: Tensor) => Tensor): unknown {
  return treeMap(
    (x: unknown) => x instanceof Tensor ? change(x) : x,
    tree as PyTree<unknown>,
  );
}

/** The same value without a history, a leaf of its own. */
function fresh(x: Tensor): Tensor {
  const own = wrap(detach(x.node));
  return x.requiresGrad ? own.requiresGrad_() : own;
}

/** @ignore What `customRoot` and `customFixedPoint` do; `residualOf` makes the residual. */
export function withImplicitGradient(
  op: string,
  fn: Function,
  options: CustomRootOptions,
  residual: Function,
): <F extends Function>(solver: F) => F {
  checkFunction(op, fn);
  checkNames(op, options, ["argnums", "hasAux", "solve", "strict"]);
  const numbers = numbersOf(op, options.argnums);
  const { hasAux = false, solve = solveNormalCg(), strict = false } = options;
  checkFunction(op, solve, "solve");
  return <F extends Function>(solver: F): F => {
    checkFunction(op, solver, "the solver");
    const seen = { done: false };
    const solved = (...args: unknown[]) => {
      const missing = numbers.find((n) => n >= args.length);
      if (missing !== undefined) {
        throw new RangeError(
          `${op}: argnums ${missing} is out of range for ${args.length} argument(s).`,
        );
      }
      // Values of now, which the derivative rule needs later.
      const differentiable = args.map((x, i) =>
        mapTensors(x, ({ node }) => wrap(numbers.includes(i) ? node : detach(node)))
      );
      const returned = solver(...args.map((x) => mapTensors(x, fresh)));
      if (hasAux && !(Array.isArray(returned) && returned.length === 2)) {
        throw new TypeError(
          `${op}: with hasAux the solver must return [solution, aux], got ${describe(returned)}.`,
        );
      }
      const { leaves, def } = takeVector(
        op,
        "what the solver returned",
        hasAux ? returned[0] : returned,
      );
      const solution = { leaves: leaves.map((x) => wrap(detach(x.node))), def };
      const rest = (x: unknown) => residual(x, ...differentiable.slice(1));
      const root = implicitRoot({ op, solution, residual: rest, solve, strict, seen });
      const result = treeUnflatten(def, root);
      return hasAux ? [result, returned[1]] : result;
    };
    return solved as F;
  };
}

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
 * assert(Math.abs(g!.item() + 0.527216) < 1e-5);
 * ```
 */
export function customRoot(
  // deno-lint-ignore no-explicit-any
  optimality: (x: any, ...args: any[]) => unknown,
  options: CustomRootOptions,
  // deno-lint-ignore no-explicit-any
): <F extends (...args: any[]) => any>(solver: F) => F {
  return withImplicitGradient("customRoot", optimality, options, optimality);
}
