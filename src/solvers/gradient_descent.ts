/**
 * Gradient descent.
 *
 * @module
 */

import { checkNames } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import { checkSearch } from "./check_search.ts";
import { cautious, descend } from "./descent.ts";
import { type LineSearch, strongWolfe } from "./line_search.ts";
import type { MinimizeMethod } from "./types.ts";

/** Options of {@linkcode gradientDescent}. */
export interface GradientDescentOptions {
  /** How far to go (default `strongWolfe({ c2: 0.1 })`). */
  readonly lineSearch?: LineSearch;
}

/**
 * Gradient descent with a line search. For problems that are well conditioned; `lbfgs()` takes far fewer
 * iterations elsewhere.
 *
 * @param options `lineSearch`
 * @returns a method for {@linkcode minimize}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const { value } = solvers.minimize(
 *   (x: Tensor) => x.sub(3).square().sum(),
 *   tensor([0, 1], { dtype: "float64" }),
 *   { method: solvers.gradientDescent() },
 * );
 * assert(value.sub(3).abs().max().item() < 1e-8);
 * ```
 */
export function gradientDescent(options: GradientDescentOptions = {}): MinimizeMethod {
  checkNames("gradientDescent", options, ["lineSearch"]);
  const { lineSearch: search = strongWolfe({ c2: 0.1 }) } = options;
  checkSearch("gradientDescent", search);
  return {
    name: "gradientDescent",
    run: (problem) =>
      descend(problem, {
        search,
        memory: {},
        reset: (memory) => memory,
        direction: (g) => g.neg(),
        update: (memory) => memory,
        first: ({ k, step, slope, g }, next) =>
          where(k.eq(0).logicalOr(step.eq(0)), cautious(g), step.mul(slope.div(next))),
      }),
  };
}
