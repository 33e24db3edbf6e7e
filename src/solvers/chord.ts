/**
 * The chord method.
 *
 * @module
 */

import { inv } from "../linalg/dense/systems.ts";
import { newtonSteps } from "./newton_steps.ts";
import { jacobianOf } from "./problem.ts";
import type { RootMethod } from "./types.ts";

/**
 * Newton's method with the Jacobian of the start, which is inverted once: many cheap iterations, which
 * converge from near a root (Kelley, Iterative methods for linear and nonlinear equations, 1995).
 *
 * @returns a method for {@linkcode rootFind}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const { value } = solvers.rootFind((x: Tensor) => x.square().sub(2), tensor(1.5, { dtype: "float64" }), {
 *   method: solvers.chord(),
 * });
 * assert(Math.abs(value.item() - Math.SQRT2) < 1e-10);
 * ```
 */
export function chord(): RootMethod {
  return {
    name: "chord",
    run(problem) {
      const inverse = inv(jacobianOf(problem.f, problem.x0));
      return newtonSteps(problem, {}, (_, y) => inverse.matmul(y).neg(), (memory) => memory);
    },
  };
}
