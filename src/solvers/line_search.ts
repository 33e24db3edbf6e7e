/**
 * Line searches.
 *
 * @module
 */

import { repeat } from "../linalg/iterative/loop.ts";
import { tensor } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A point with value and gradient. */
export type Point = {
  /** The point. */
  readonly x: Tensor;
  /** Value of the function. */
  readonly f: Tensor;
  /** Gradient of the function. */
  readonly g: Tensor;
};

/** What a line search is given. */
export interface LineProblem {
  /** Value and gradient. */
  readonly f: (x: Tensor) => [Tensor, Tensor];
  /** Where the line starts. */
  readonly from: Point;
  /** Where to go. */
  readonly direction: Tensor;
  /** The step to try first. */
  readonly first: Tensor;
  /** How many evaluations are left. */
  readonly left: Tensor;
}

/** Where a line search ended: at `from` where nothing better was found. */
export interface LineResult extends Point {
  /** The step that was taken, in lengths of the direction. */
  readonly step: Tensor;
  /** How often the function was evaluated. */
  readonly evaluations: Tensor;
  /** Whether the value fell enough. */
  readonly ok: Tensor;
}

/** A line search. */
export interface LineSearch {
  /** What messages call it. */
  readonly name: string;
  /** Searches along a line. */
  run(problem: LineProblem): LineResult;
}

/** How many points a search looks at, at most. */
const POINTS = 40;

function checkFraction(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value === "number" && value > 0 && value < 1) return;
  throw new RangeError(`${op}: ${name} is ${describe(value)}, wants a number in (0, 1).`);
}

/** Options of {@linkcode backtracking}. */
export interface BacktrackingOptions {
  /** What part of the decrease that the slope promises has to come (default 1e-4). */
  readonly c1?: number;
  /** By what the step is multiplied (default 0.5). */
  readonly factor?: number;
}

/** What backtracking hands on. */
type Back = {
  readonly t: Tensor;
  readonly x: Tensor;
  readonly f: Tensor;
  readonly g: Tensor;
  readonly k: Tensor;
};

/**
 * Shortens the step until the value falls enough (Armijo, Minimization of functions having Lipschitz
 * continuous first partial derivatives, 1966).
 *
 * @param options `c1` (default 1e-4), `factor` (default 0.5)
 * @returns a line search for methods of {@linkcode minimize}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const method = solvers.bfgs({ lineSearch: solvers.backtracking() });
 * const { value } = solvers.minimize(
 *   (x: Tensor) => x.sub(3).square().sum(),
 *   tensor([0, 1], { dtype: "float64" }),
 *   { method },
 * );
 * assert(value.sub(3).abs().max().item() < 1e-8);
 * ```
 */
export function backtracking(options: BacktrackingOptions = {}): LineSearch {
  checkNames("backtracking", options, ["c1", "factor"]);
  const { c1 = 1e-4, factor = 0.5 } = options;
  checkFraction("backtracking", "c1", c1);
  checkFraction("backtracking", "factor", factor);
  return {
    name: "backtracking",
    run({ f, from, direction, first, left }) {
      const slope = from.g.dot(direction),
        at = (t: Tensor): Omit<Back, "k"> => {
          const x = from.x.add(direction.mul(t)), [value, g] = f(x);
          return { t, x, f: value, g };
        };
      const good = (s: Back) => s.f.le(from.f.add(s.t.mul(slope).mul(c1)));
      const end = repeat<Back>(
        (s) => good(s).logicalNot().logicalAnd(s.k.lt(POINTS)).logicalAnd(s.k.lt(left)),
        (s) => ({ ...at(s.t.mul(factor)), k: s.k.add(1) }),
        { ...at(first), k: tensor(1, { dtype: slope.dtype }) },
        POINTS,
      );
      const ok = good(end).logicalAnd(end.g.mul(0).sum().eq(0));
      return {
        x: where(ok, end.x, from.x),
        f: where(ok, end.f, from.f),
        g: where(ok, end.g, from.g),
        step: where(ok, end.t, 0),
        evaluations: end.k,
        ok,
      };
    },
  };
}

/** Options of {@linkcode strongWolfe}. */
export interface StrongWolfeOptions {
  /** What part of the decrease that the slope promises has to come (default 1e-4). */
  readonly c1?: number;
  /** To what part of itself the slope has to shrink (default 0.9). */
  readonly c2?: number;
}

/** What the search hands on: the best point so far, and the other end, infinite at first. */
type Zoom = {
  readonly t: Tensor;
  readonly low: Tensor;
  readonly fLow: Tensor;
  readonly dLow: Tensor;
  readonly xLow: Tensor;
  readonly gLow: Tensor;
  readonly high: Tensor;
  readonly fHigh: Tensor;
  readonly dHigh: Tensor;
  readonly done: Tensor;
  readonly k: Tensor;
};

/** The minimum of the cubic with these values and slopes, well inside of the interval. */
function cubic(a: Tensor, fa: Tensor, da: Tensor, b: Tensor, fb: Tensor, db: Tensor): Tensor {
  const width = b.sub(a), d1 = da.add(db).sub(fb.sub(fa).div(width).mul(3));
  const square = d1.square().sub(da.mul(db));
  const root = where(square.gt(0), where(square.gt(0), square, 1).sqrt(), 0);
  const d2 = root.mul(width.sign());
  const t = b.sub(width.mul(db.add(d2).sub(d1)).div(db.sub(da).add(d2.mul(2))));
  const inside = t.sub(a).div(width), safe = where(inside.isFinite(), inside, 0.5);
  return a.add(width.mul(safe.clamp(0.1, 0.9)));
}

/**
 * Finds a point at which the value has fallen enough and the slope is small (Nocedal & Wright, Numerical
 * optimization, 2006, algorithms 3.5 and 3.6), by intervals that grow first and are narrowed then by cubic
 * interpolation.
 *
 * @param options `c1` (default 1e-4), `c2` (default 0.9)
 * @returns a line search for methods of {@linkcode minimize}
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const method = solvers.nonlinearCg({ lineSearch: solvers.strongWolfe({ c2: 0.1 }) });
 * const { value } = solvers.minimize(
 *   (x: Tensor) => x.sub(3).square().sum(),
 *   tensor([0, 1], { dtype: "float64" }),
 *   { method },
 * );
 * assert(value.sub(3).abs().max().item() < 1e-8);
 * ```
 */
export function strongWolfe(options: StrongWolfeOptions = {}): LineSearch {
  checkNames("strongWolfe", options, ["c1", "c2"]);
  const { c1 = 1e-4, c2 = 0.9 } = options;
  checkFraction("strongWolfe", "c1", c1);
  checkFraction("strongWolfe", "c2", c2);
  if (c1 >= c2) {
    throw new RangeError(`strongWolfe: c1 is ${c1} and c2 ${c2}; c1 has to be the smaller one.`);
  }
  return { name: "strongWolfe", run: (problem) => zoom(problem, c1, c2) };
}

function zoom(
  { f, from, direction, first, left }: LineProblem,
  c1: number,
  c2: number,
): LineResult {
  const slope = from.g.dot(direction), zero = slope.mul(0), { dtype } = slope;
  const end = repeat<Zoom>(
    ({ done, k, low, high }) =>
      done.logicalNot().logicalAnd(k.lt(POINTS)).logicalAnd(k.lt(left))
        .logicalAnd(high.sub(low).abs().gt(low.abs().mul(dtype === "float32" ? 1e-7 : 1e-16))),
    (s) => {
      const { t } = s, x = from.x.add(direction.mul(t)), [value, g] = f(x), d = g.dot(direction);
      const fine = value.add(g.mul(0).sum()).isFinite();
      const decrease = value.le(from.f.add(t.mul(slope).mul(c1)));
      const down = fine.logicalAnd(decrease).logicalAnd(value.lt(s.fLow).logicalOr(s.low.eq(0)));
      const flat = d.abs().le(slope.abs().mul(c2)), done = down.logicalAnd(flat);
      // A point that is not below becomes the other end; else it is the new low one.
      const turns = d.mul(s.high.sub(s.low)).ge(0);
      const high = where(down, where(turns, s.low, s.high), t);
      const fHigh = where(down, where(turns, s.fLow, s.fHigh), value);
      const dHigh = where(down, where(turns, s.dLow, s.dHigh), d);
      const low = where(down, t, s.low), fLow = where(down, value, s.fLow);
      const dLow = where(down, d, s.dLow);
      // Finite numbers in the branch that is not taken, for the derivative.
      const known = high.isFinite(), end = where(known, high, low.add(1));
      const inner = cubic(low, fLow, dLow, end, fHigh, dHigh);
      const middle = low.add(high.sub(low).mul(0.25));
      const next = where(
        known,
        where(fHigh.isFinite().logicalAnd(dHigh.isFinite()), inner, middle),
        t.mul(2),
      );
      return {
        t: next,
        low,
        fLow,
        dLow,
        xLow: where(down, x, s.xLow),
        gLow: where(down, g, s.gLow),
        high,
        fHigh,
        dHigh,
        done,
        k: s.k.add(1),
      };
    },
    {
      t: first,
      low: zero,
      fLow: from.f,
      dLow: slope,
      xLow: from.x,
      gLow: from.g,
      high: tensor(Infinity, { dtype }),
      fHigh: zero,
      dHigh: zero,
      done: tensor(false),
      k: tensor(0, { dtype }),
    },
    POINTS,
  );
  return {
    x: end.xLow,
    f: end.fLow,
    g: end.gLow,
    step: end.low,
    evaluations: end.k,
    ok: end.low.ne(0),
  };
}
