/**
 * BFGS.
 *
 * @module
 */

import { eye, tensor } from "../tensor/creation.ts";
import { checkNames } from "../tensor/describe.ts";
import { outer, where } from "../tensor/functions.ts";
import { checkSearch } from "./check_search.ts";
import { cautious, descend } from "./descent.ts";
import { type LineSearch, strongWolfe } from "./line_search.ts";
import type { MinimizeMethod } from "./types.ts";

/** Options of {@linkcode bfgs}. */
export interface BfgsOptions {
  /** How far to go (default `strongWolfe()`). */
  readonly lineSearch?: LineSearch;
}

/**
 * BFGS with the whole inverse Hessian, a matrix of unknowns by unknowns (Broyden, Fletcher, Goldfarb,
 * Shanno, 1970; Nocedal & Wright, Numerical optimization, 2006, ch. 6): fewest iterations for up to some
 * hundred unknowns.
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
 *   { method: solvers.bfgs() },
 * );
 * assert(value.sub(3).abs().max().item() < 1e-8);
 * ```
 */
export function bfgs(options: BfgsOptions = {}): MinimizeMethod {
  checkNames("bfgs", options, ["lineSearch"]);
  const { lineSearch: search = strongWolfe() } = options;
  checkSearch("bfgs", search);
  return {
    name: "bfgs",
    run(problem) {
      const { dtype, size } = problem.x0, identity = eye(size, { dtype });
      const none = tensor(0, { dtype });
      return descend(problem, {
        search,
        memory: { H: identity, scaled: none },
        reset: () => ({ H: identity, scaled: none }),
        direction: (g, { H }) => H.matmul(g).neg(),
        update: ({ H, scaled }, s, y) => {
          const sy = s.dot(y), yy = y.dot(y), good = sy.gt(yy.mul(s.dot(s)).sqrt().mul(1e-10));
          const safe = where(good, sy, 1);
          // The first matrix gets the scale of the problem.
          const first = scaled.eq(0);
          const own = where(first, identity.mul(safe.div(where(yy.eq(0), 1, yy))), H);
          const Hy = own.matmul(y), sHy = outer(s, Hy);
          const next = own.sub(sHy.add(sHy.t()).div(safe))
            .add(outer(s, s).mul(y.dot(Hy).div(safe.square()).add(safe.reciprocal())));
          return { H: where(good, next, H), scaled: where(good, 1, scaled).to(dtype) };
        },
        first: ({ g, k }) => where(k.eq(0), cautious(g), 1),
      });
    },
  };
}
