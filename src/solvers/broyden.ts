/**
 * Broyden's method.
 *
 * @module
 */

import { inv } from "../linalg/dense/systems.ts";
import { outer, where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { newtonSteps } from "./newton_steps.ts";
import { jacobianOf } from "./problem.ts";
import type { RootMethod } from "./types.ts";

/**
 * Broyden's first method: the inverse of the Jacobian at the start, corrected by each step, and taken
 * anew where no step helps (Broyden, A class of methods for solving nonlinear simultaneous equations,
 * 1965).
 *
 * @returns a method for {@linkcode rootFind}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const { value } = solvers.rootFind((x: Tensor) => x.square().sub(2), tensor(1, { dtype: "float64" }), {
 *   method: solvers.broyden(),
 * });
 * assert(Math.abs(value.item() - Math.SQRT2) < 1e-10);
 * ```
 */
export function broyden(): RootMethod {
  return {
    name: "broyden",
    run(problem) {
      const anew = (x: Tensor) => ({ inverse: inv(jacobianOf(problem.f, x)) });
      return newtonSteps(
        problem,
        anew(problem.x0),
        (_, y, { inverse }) => inverse.matmul(y).neg(),
        ({ inverse }, s, dy) => {
          const image = inverse.matmul(dy), row = s.matmul(inverse), length = s.dot(image);
          const change = outer(s.sub(image), row).div(where(length.eq(0), 1, length));
          return { inverse: where(length.eq(0), inverse, inverse.add(change)) };
        },
        anew,
      );
    },
  };
}
