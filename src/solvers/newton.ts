/**
 * Newton's method.
 *
 * @module
 */

import { solve } from "../linalg/dense/systems.ts";
import { newtonSteps } from "./newton_steps.ts";
import { jacobianOf } from "./problem.ts";
import type { RootMethod } from "./types.ts";

/**
 * Newton's method with the whole Jacobian, and steps that are halved until the residual falls (Dennis &
 * Schnabel, Numerical methods for unconstrained optimization and nonlinear equations, 1983).
 *
 * @returns a method for {@linkcode rootFind}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const { value } = solvers.rootFind((x: Tensor) => x.square().sub(2), tensor(1, { dtype: "float64" }), {
 *   method: solvers.newton(),
 * });
 * assert(Math.abs(value.item() - Math.SQRT2) < 1e-14);
 * ```
 */
export function newton(): RootMethod {
  return {
    name: "newton",
    run: (problem) =>
      newtonSteps(
        problem,
        {},
        (x, y) => solve(jacobianOf(problem.f, x), y).neg(),
        (memory) => memory,
      ),
  };
}
