/**
 * L-BFGS.
 *
 * @module
 */

import { tensor, zeros } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { concat, where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSearch } from "./check_search.ts";
import { cautious, descend } from "./descent.ts";
import { type LineSearch, strongWolfe } from "./line_search.ts";
import type { MinimizeMethod } from "./types.ts";

/** Options of {@linkcode lbfgs}. */
export interface LbfgsOptions {
  /** How many steps are remembered (default 10). */
  readonly history?: number;
  /** How far to go (default `strongWolfe()`). */
  readonly lineSearch?: LineSearch;
}

/** Steps S and changes of the gradient Y, the latest last; 1 / (s y), 0 where there is none yet. */
type Memory = {
  readonly S: Tensor;
  readonly Y: Tensor;
  readonly rho: Tensor;
  readonly scale: Tensor;
};

/** The product of the inverse Hessian with g, by two passes over the memory. */
function twoLoops(g: Tensor, { S, Y, rho, scale }: Memory, m: number): Tensor {
  const alphas: Tensor[] = [];
  let q = g;
  for (let i = m - 1; i >= 0; i--) {
    const alpha = rho.select(0, i).mul(S.select(0, i).dot(q));
    q = q.sub(Y.select(0, i).mul(alpha));
    alphas[i] = alpha;
  }
  let r = q.mul(scale);
  for (let i = 0; i < m; i++) {
    const beta = rho.select(0, i).mul(Y.select(0, i).dot(r));
    r = r.add(S.select(0, i).mul(alphas[i].sub(beta)));
  }
  return r;
}

/**
 * L-BFGS: BFGS from the latest steps, without a matrix (Liu & Nocedal, On the limited memory BFGS method
 * for large scale optimization, 1989). The default of {@linkcode minimize}.
 *
 * @param options `history` (default 10), `lineSearch`
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
 *   { method: solvers.lbfgs() },
 * );
 * assert(value.sub(3).abs().max().item() < 1e-8);
 * ```
 */
export function lbfgs(options: LbfgsOptions = {}): MinimizeMethod {
  checkNames("lbfgs", options, ["history", "lineSearch"]);
  const { history: m = 10, lineSearch: search = strongWolfe() } = options;
  if (!Number.isInteger(m) || m < 1) {
    throw new RangeError(`lbfgs: history is ${describe(m)}, wants a whole number >= 1.`);
  }
  checkSearch("lbfgs", search);
  return {
    name: "lbfgs",
    run(problem) {
      const { dtype, size: n } = problem.x0;
      const memory: Memory = {
        S: zeros([m, n], { dtype }),
        Y: zeros([m, n], { dtype }),
        rho: zeros([m], { dtype }),
        scale: tensor(1, { dtype }),
      };
      const push = (rows: Tensor, row: Tensor) =>
        concat([rows.narrow(0, 1, m - 1), row.reshape([1, ...rows.shape.slice(1)])]);
      return descend<Memory>(problem, {
        search,
        memory,
        // Pairs with the weight 0 change nothing.
        reset: ({ S, Y, rho, scale }) => ({ S, Y, rho: rho.mul(0), scale: scale.mul(0).add(1) }),
        direction: (g, memory) => twoLoops(g, memory, m).neg(),
        update: (before, s, y) => {
          const sy = s.dot(y), yy = y.dot(y), good = sy.gt(yy.mul(s.dot(s)).sqrt().mul(1e-10));
          const safe = where(good, sy, 1);
          return {
            S: push(before.S, s),
            Y: push(before.Y, y),
            rho: push(before.rho, where(good, safe.reciprocal(), 0).to(dtype)),
            scale: where(good, safe.div(where(good, yy, 1)), before.scale),
          };
        },
        first: ({ g, k }) => where(k.eq(0), cautious(g), 1),
      });
    },
  };
}
