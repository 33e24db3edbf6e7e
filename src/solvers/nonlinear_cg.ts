/**
 * Nonlinear conjugate gradients.
 *
 * @module
 */

import { zerosLike } from "../tensor/creation.ts";
import { checkNames } from "../tensor/describe.ts";
import { maximum, where } from "../tensor/functions.ts";
import { cautious, descend } from "./descent.ts";
import { checkSearch } from "./check_search.ts";
import { type LineSearch, strongWolfe } from "./line_search.ts";
import type { MinimizeMethod } from "./types.ts";

/** Options of {@linkcode nonlinearCg}. */
export interface NonlinearCgOptions {
  /** How far to go (default `strongWolfe({ c2: 0.1 })`, which conjugate gradients want). */
  readonly lineSearch?: LineSearch;
}

/**
 * Nonlinear conjugate gradients with the formula of Polak and Ribière, cut at 0 (Gilbert & Nocedal,
 * Global convergence properties of conjugate gradient methods for optimization, 1992): little memory for
 * many unknowns.
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
 *   (x: Tensor) => x.sub(3).square().mul(tensor([1, 9], { dtype: "float64" })).sum(),
 *   tensor([0, 1], { dtype: "float64" }),
 *   { method: solvers.nonlinearCg() },
 * );
 * assert(value.sub(3).abs().max().item() < 1e-8);
 * ```
 */
export function nonlinearCg(options: NonlinearCgOptions = {}): MinimizeMethod {
  checkNames("nonlinearCg", options, ["lineSearch"]);
  const { lineSearch: search = strongWolfe({ c2: 0.1 }) } = options;
  checkSearch("nonlinearCg", search);
  return {
    name: "nonlinearCg",
    run: (problem) =>
      descend(problem, {
        search,
        // The latest direction, times what the formula says.
        memory: { carried: zerosLike(problem.x0) },
        reset: ({ carried }) => ({ carried: carried.mul(0).nanToNum() }),
        direction: (g, { carried }) => carried.sub(g),
        update: (_, _s, y, g, d) => {
          const before = g.sub(y), square = before.dot(before);
          const beta = maximum(g.dot(y).div(where(square.eq(0), 1, square)), 0);
          return { carried: d.mul(beta) };
        },
        first: ({ k, step, slope, g }, next) =>
          where(k.eq(0).logicalOr(step.eq(0)), cautious(g), step.mul(slope.div(next))),
      }),
  };
}
