/**
 * The Gauss-Newton method.
 *
 * @module
 */

import { lstsq } from "../linalg/dense/least_squares.ts";
import { tensor } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import { leastSquaresSteps } from "./least_squares_steps.ts";
import type { LeastSquaresMethod } from "./types.ts";

/** Options of {@linkcode gaussNewton}. */
export interface GaussNewtonOptions {
  /** Whether steps are halved until the sum of squares falls (default true). */
  readonly damped?: boolean;
}

/**
 * The Gauss-Newton method: the least-squares solution of the linearized problem is the step, halved until
 * the sum of squares falls. Fast where residuals are small at the solution.
 *
 * @param options `damped` (default true)
 * @returns a method for {@linkcode leastSquares}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const { value } = solvers.leastSquares(
 *   (x: Tensor) => x.exp().sub(2),
 *   tensor([0], { dtype: "float64" }),
 *   { method: solvers.gaussNewton() },
 * );
 * assert(Math.abs(value.item() - Math.LN2) < 1e-10);
 * ```
 */
export function gaussNewton(options: GaussNewtonOptions = {}): LeastSquaresMethod {
  checkNames("gaussNewton", options, ["damped"]);
  const { damped = true } = options;
  if (typeof damped !== "boolean") {
    throw new TypeError(`gaussNewton: damped is ${describe(damped)}, wants true or false.`);
  }
  return {
    name: "gaussNewton",
    run: (problem) =>
      leastSquaresSteps(
        problem,
        { part: tensor(1, { dtype: problem.x0.dtype }) },
        ({ J, r }, { part }) => ({
          step: lstsq(J, r).mul(part.neg()),
          always: !damped,
          after: (taken) => ({ part: where(taken, 1, part.div(2)).to(part.dtype) }),
        }),
        ({ part }) => part.lt(1e-12),
      ),
  };
}
