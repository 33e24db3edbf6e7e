/**
 * Minima of functions of trees.
 *
 * @module
 */

import { valueAndGrad } from "../autodiff/function_transforms.ts";
import { GradientError } from "../graph/errors.ts";
import { isGradEnabled } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { takeVector } from "../linalg/iterative/operator.ts";
import { checkCount } from "../linalg/iterative/options.ts";
import { flat } from "../linalg/iterative/vectors.ts";
import { auto } from "../linear_solve/auto.ts";
import { checkObject, describe } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import { lbfgs } from "./lbfgs.ts";
import { Minimum } from "./minimum.ts";
import { checkMethod, finish, onVectors, settingsOf, unknownsOf } from "./problem.ts";
import type { MinimizeMethod, SolverOptions } from "./types.ts";

/** Options of {@linkcode minimize}. */
export interface MinimizeOptions extends Omit<SolverOptions, "rtol"> {
  /** How: `lbfgs()` (default), `bfgs()`, `nonlinearCg()`, `gradientDescent()`. */
  readonly method?: MinimizeMethod;
  /** How often `fn` may be evaluated (default: without limit). */
  readonly maxEvaluations?: number | null;
}

/** The value of the function, which has to be one number. */
function scalar(op: string, y: unknown): Tensor[] {
  if (!(y instanceof Tensor)) {
    throw new TypeError(`${op}: the function returned ${describe(y)}, wants a scalar tensor.`);
  }
  if (y.size === 1) return [y];
  throw new GradientError(
    `${op}: the function returned shape ${
      showShape(y.shape)
    }, wants a scalar; reduce it (sum(), mean()).`,
  );
}

/**
 * Finds a local minimum of `fn`, in the graph: one run, however many iterations. It ends where no element
 * of the gradient is larger than `atol` (default 1e-8; float32 1e-4), whatever the value is. The result
 * is never worse than the start, and its `objective` is the value at `value`.
 *
 * The solution has the derivative of the equation "the gradient is 0" with respect to everything that
 * `fn` reads, of every order and never through the iterations, unless `differentiate` says otherwise;
 * `tensors.objective` has the derivatives of the least value.
 *
 * @param fn a function of a tree like x0 that gives a scalar
 * @param x0 where to start: a tree of floating-point tensors
 * @param options `method`, `atol`, `maxiter` (default 1000), `maxEvaluations`, `differentiate`, `solve`
 * @returns the minimum, with its objective, iterations, evaluations, status and largest gradient
 * (`residual`); `"maxiter"` where a budget is used up, `"stagnated"` where no step leads down any more
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const rosenbrock = ({ x, y }: { x: Tensor; y: Tensor }) =>
 *   y.sub(x.square()).square().mul(100).add(x.neg().add(1).square());
 * const start = { x: tensor(-1.2, { dtype: "float64" }), y: tensor(1, { dtype: "float64" }) };
 * const { value, status } = solvers.minimize(rosenbrock, start);
 * assertEquals(status, "converged");
 * assert(Math.abs(value.x.item() - 1) < 1e-6 && Math.abs(value.y.item() - 1) < 1e-6);
 * ```
 */
export function minimize<T = Tensor>(
  fn: (x: T) => Tensor,
  x0: T,
  options: MinimizeOptions = {},
): Minimum<T> {
  const op = "minimize";
  checkObject(op, options);
  const unknowns = unknownsOf(op, x0), { method = lbfgs() } = options;
  const { atol, maxiter } = settingsOf(op, options, ["method", "maxEvaluations"], unknowns, {
    rtol: [0, 0],
    atol: [1e-4, 1e-8],
    maxiter: 1000,
  });
  if ("rtol" in options) {
    throw new TypeError(`${op}: there is no option rtol; atol bounds the gradient.`);
  }
  checkMethod(op, method);
  const most = checkCount(op, "maxEvaluations", options.maxEvaluations) ?? 2 ** 31 - 1;
  const value = onVectors(op, fn as (x: never) => unknown, unknowns, (y) => scalar(op, y));
  const both = valueAndGrad((x: Tensor) => value(x).sum());
  const bothNow = valueAndGrad((x: Tensor) => value.now(x).sum());
  const run = () =>
    method.run({
      f: (x) => bothNow(x) as [Tensor, Tensor],
      x0: unknowns.x0,
      tolerance: atol,
      maxiter,
      maxEvaluations: Math.max(1, most),
    });
  const { solution, outcome } = finish<T, ReturnType<typeof run>>(
    op,
    options,
    unknowns,
    run,
    (x) => both(x)[1] as Tensor,
    auto({ symmetric: true }),
  );
  const { evaluations } = outcome, { differentiate = "implicit" } = options;
  // The value that the search ended with is that of iterations, which are not differentiated.
  const objective = differentiate === "implicit" && isGradEnabled()
    ? value(flat(takeVector(op, "x", solution.value).leaves)).reshape([])
    : outcome.objective;
  return new Minimum(solution.value, { ...solution.tensors, objective, evaluations });
}
