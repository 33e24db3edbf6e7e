/**
 * Picard's iteration.
 *
 * @module
 */

import { repeat } from "../linalg/iterative/loop.ts";
import { tensor } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fixedPointEnd, isFixed } from "./fixed_point_end.ts";
import { size } from "./newton_steps.ts";
import type { FixedPointMethod } from "./types.ts";

/** Options of {@linkcode picard}. */
export interface PicardOptions {
  /** Part of each step that is taken, in (0, 1] (default 1). */
  readonly damping?: number;
}

/** What an iteration hands on. */
type State = { readonly x: Tensor; readonly y: Tensor; readonly k: Tensor };

/**
 * Picard's iteration `x + damping (g(x) - x)`, which converges for contractions (Picard, 1890; Banach,
 * 1922).
 *
 * @param options `damping` (default 1)
 * @returns a method for {@linkcode fixedPoint}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const { value } = solvers.fixedPoint((x: Tensor) => x.cos(), tensor(1, { dtype: "float64" }), {
 *   method: solvers.picard(),
 * });
 * assert(Math.abs(value.item() - 0.7390851332151607) < 1e-9);
 * ```
 */
export function picard(options: PicardOptions = {}): FixedPointMethod {
  checkNames("picard", options, ["damping"]);
  const { damping = 1 } = options;
  if (!(typeof damping === "number" && damping > 0 && damping <= 1)) {
    throw new RangeError(`picard: damping is ${describe(damping)}, wants a number in (0, 1].`);
  }
  return {
    name: "picard",
    run(problem) {
      const { g, x0, maxiter } = problem;
      const end = repeat<State>(
        ({ x, y, k }) =>
          isFixed(problem, x, y).logicalNot().logicalAnd(k.lt(maxiter))
            .logicalAnd(size(y).lt(Infinity)),
        ({ x, y, k }) => {
          const next = damping === 1 ? y : x.add(y.sub(x).mul(damping));
          return { x: next, y: g(next), k: k.add(1) };
        },
        { x: x0, y: g(x0), k: tensor(0, { dtype: "int32" }) },
        maxiter,
      );
      return fixedPointEnd(problem, end.x, end.y, end.k);
    },
  };
}
