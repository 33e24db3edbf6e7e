/**
 * Powell's dogleg method.
 *
 * @module
 */

import { lstsq } from "../linalg/dense/least_squares.ts";
import { tensor } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import { leastSquaresSteps } from "./least_squares_steps.ts";
import type { LeastSquaresMethod } from "./types.ts";

/** Options of {@linkcode dogleg}. */
export interface DoglegOptions {
  /** How far steps may go at first (default 1). */
  readonly radius?: number;
}

/**
 * Powell's dogleg: steps on the path from the steepest descent to the Gauss-Newton step that stay in a
 * region of trust (Powell, A hybrid method for nonlinear equations, 1970).
 *
 * @param options `radius` (default 1)
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
 *   { method: solvers.dogleg() },
 * );
 * assert(Math.abs(value.item() - Math.LN2) < 1e-10);
 * ```
 */
export function dogleg(options: DoglegOptions = {}): LeastSquaresMethod {
  checkNames("dogleg", options, ["radius"]);
  const { radius: first = 1 } = options;
  if (!(typeof first === "number" && first > 0 && first < Infinity)) {
    throw new RangeError(`dogleg: radius is ${describe(first)}, wants a finite number > 0.`);
  }
  return {
    name: "dogleg",
    run: (problem) =>
      leastSquaresSteps(
        problem,
        { radius: tensor(first, { dtype: problem.x0.dtype }) },
        ({ J, r, g }, { radius }) => {
          const newton = lstsq(J, r).neg(), image = J.matmul(g), square = image.dot(image);
          const cauchy = g.mul(g.dot(g).div(where(square.eq(0), 1, square)).neg());
          // Where the second leg leaves the region: |cauchy + t leg| = radius.
          const leg = newton.sub(cauchy), a = leg.dot(leg), b = cauchy.dot(leg);
          const c = cauchy.dot(cauchy).sub(radius.square());
          const root = where(b.square().sub(a.mul(c)).gt(0), b.square().sub(a.mul(c)), 0).sqrt();
          const t = root.sub(b).div(where(a.eq(0), 1, a)), far = cauchy.norm();
          const edge = cauchy.mul(radius.div(where(far.eq(0), 1, far)));
          const step = where(
            newton.norm().le(radius),
            newton,
            where(far.ge(radius), edge, cauchy.add(leg.mul(t))),
          );
          const length = step.norm(), model = r.add(J.matmul(step));
          const promised = r.dot(r).sub(model.dot(model));
          return {
            step,
            after(taken, sum) {
              const gain = r.dot(r).sub(sum).div(where(promised.eq(0), 1, promised));
              const good = taken.logicalAnd(gain.gt(0.25));
              const wide = gain.gt(0.75).logicalAnd(length.gt(radius.mul(0.99)));
              return {
                radius: where(
                  good,
                  where(wide, radius.mul(2), radius),
                  where(length.lt(radius), length, radius).mul(0.25),
                ),
              };
            },
          };
        },
        ({ radius }) => radius.lt(1e-30),
      ),
  };
}
