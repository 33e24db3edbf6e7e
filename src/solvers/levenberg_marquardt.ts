/**
 * The Levenberg-Marquardt method.
 *
 * @module
 */

import { qr } from "../linalg/dense/qr.ts";
import { triangularSolve } from "../linalg/dense/systems.ts";
import { eye, tensor } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { concat, maximum, where } from "../tensor/functions.ts";
import { leastSquaresSteps } from "./least_squares_steps.ts";
import type { LeastSquaresMethod } from "./types.ts";

/** Options of {@linkcode levenbergMarquardt}. */
export interface LevenbergMarquardtOptions {
  /** The damping at first (default 1e-3). */
  readonly damping?: number;
}

/**
 * The Levenberg-Marquardt method: steps `-(J^T J + damping I)^-1 J^T r`, with a damping that falls where the
 * linear model holds and grows where it does not (Marquardt, An algorithm for least-squares estimation of
 * nonlinear parameters, 1963; damping as in Nielsen, 1999). The default of {@linkcode leastSquares}.
 *
 * @param options `damping` (default 1e-3)
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
 *   { method: solvers.levenbergMarquardt() },
 * );
 * assert(Math.abs(value.item() - Math.LN2) < 1e-10);
 * ```
 */
export function levenbergMarquardt(options: LevenbergMarquardtOptions = {}): LeastSquaresMethod {
  checkNames("levenbergMarquardt", options, ["damping"]);
  const { damping: first = 1e-3 } = options;
  if (!(typeof first === "number" && first > 0 && first < Infinity)) {
    throw new RangeError(
      `levenbergMarquardt: damping is ${describe(first)}, wants a finite number > 0.`,
    );
  }
  return {
    name: "levenbergMarquardt",
    run(problem) {
      const { dtype, size: n } = problem.x0;
      return leastSquaresSteps(
        problem,
        { damping: tensor(first, { dtype }), growth: tensor(2, { dtype }) },
        ({ J, r, g }, { damping, growth }) => {
          // A problem with more rows, which is conditioned better than its normal equations.
          const rows = concat([J, eye(n, { dtype }).mul(damping.sqrt())]);
          const right = concat([r.neg(), g.mul(0)]);
          const [Q, R] = qr(rows), step = triangularSolve(R, right.matmul(Q), { upper: true });
          const promised = step.dot(step.mul(damping).sub(g));
          return {
            step,
            after(taken, sum) {
              const gain = r.dot(r).sub(sum).div(where(promised.eq(0), 1, promised));
              const shrink = maximum(gain.mul(2).sub(1).pow(3).neg().add(1), 1 / 3);
              return {
                damping: where(taken, damping.mul(shrink), damping.mul(growth)),
                growth: where(taken, 2, growth.mul(2)).to(dtype),
              };
            },
          };
        },
        ({ growth }) => growth.gt(2 ** 60),
      );
    },
  };
}
