/**
 * What minimizers share: a direction, a line search along it, and when to stop.
 *
 * @module
 */

import { repeat } from "../linalg/iterative/loop.ts";
import { statusOf } from "../linalg/iterative/status.ts";
import { tensor } from "../tensor/creation.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LineSearch, Point } from "./line_search.ts";
import { size } from "./newton_steps.ts";
import type { FoundMinimum, MinimizeProblem } from "./types.ts";

type Memory = { readonly [name: string]: Tensor };

/** What an iteration hands on. */
type State<M> = M & {
  readonly x: Tensor;
  readonly f: Tensor;
  readonly g: Tensor;
  /** The latest step length, and the slope along the latest direction. */
  readonly step: Tensor;
  readonly slope: Tensor;
  readonly k: Tensor;
  readonly evaluations: Tensor;
  /** Whether nothing is remembered. */
  readonly blank: Tensor;
  /** Whether the line search found nothing, and nothing remembered is to blame. */
  readonly stuck: Tensor;
};

/** A minimizer by its parts. */
export interface Descent<M extends Memory> {
  readonly search: LineSearch;
  /** What is remembered at first. */
  readonly memory: M;
  /** The memory without what is in it, where a search failed. */
  reset(memory: M): M;
  direction(g: Tensor, memory: M): Tensor;
  /** What is remembered after a step s that changed the gradient by y. */
  update(memory: M, s: Tensor, y: Tensor, g: Tensor, direction: Tensor): M;
  /** The first step to try along a direction with this slope. */
  first(state: { k: Tensor; step: Tensor; slope: Tensor; g: Tensor }, slope: Tensor): Tensor;
}

const choose = <M extends Memory>(condition: Tensor, a: M, b: M): M =>
  Object.fromEntries(
    Object.keys(a).map((k) => [k, a[k] === b[k] ? a[k] : where(condition, a[k], b[k])]),
  ) as M;

/** Whether all elements are finite, as one number of the type: cheaper than truth values. */
const allFinite = (x: Tensor) => x.mul(0).sum().eq(0);

/** Descends until the gradient is small. */
export function descend<M extends Memory>(problem: MinimizeProblem, way: Descent<M>): FoundMinimum {
  const { f, x0, tolerance, maxiter, maxEvaluations } = problem, [f0, g0] = f(x0);
  const names = Object.keys(way.memory), { dtype } = x0;
  const memoryOf = (state: M) => Object.fromEntries(names.map((k) => [k, state[k]])) as M;
  const done = (g: Tensor) => size(g).le(tolerance);
  const finite = ({ f, g }: Omit<Point, "x">) => allFinite(f).logicalAnd(allFinite(g));
  const end = repeat<State<M>>(
    (state) =>
      done(state.g).logicalOr(state.stuck).logicalNot().logicalAnd(state.k.lt(maxiter))
        .logicalAnd(state.evaluations.lt(maxEvaluations)).logicalAnd(finite(state)),
    (state) => {
      const { x, f: value, g, k, evaluations } = state, memory = memoryOf(state);
      const wanted = way.direction(g, memory), slope = g.dot(wanted);
      // What does not lead down is forgotten.
      const down = slope.lt(0).logicalAnd(allFinite(wanted));
      const d = where(down, wanted, g.neg()), own = where(down, slope, g.dot(g).neg());
      const kept = choose(down, memory, way.reset(memory));
      const found = way.search.run({
        f,
        from: { x, f: value, g },
        direction: d,
        first: way.first(state, own),
        left: evaluations.neg().add(maxEvaluations),
      });
      const s = found.x.sub(x), y = found.g.sub(g);
      const updated = way.update(kept, s, y, found.g, d), lost = found.ok.logicalNot();
      return {
        ...choose(found.ok, updated, way.reset(updated)),
        x: found.x,
        f: found.f,
        g: found.g,
        step: found.step,
        slope: own,
        k: k.add(1),
        evaluations: evaluations.add(found.evaluations),
        blank: lost,
        stuck: lost.logicalAnd(state.blank.logicalOr(down.logicalNot())),
      };
    },
    {
      ...way.memory,
      x: x0,
      f: f0,
      g: g0,
      step: tensor(0, { dtype }),
      slope: tensor(-1, { dtype }),
      // Counters are of the type that all else has, so that tests are part of the same region.
      k: tensor(0, { dtype }),
      evaluations: tensor(1, { dtype }),
      blank: tensor(true),
      stuck: tensor(false),
    },
    maxiter,
  );
  const status = statusOf([
    [finite(end).logicalNot(), "not finite"],
    [done(end.g), "converged"],
    [end.stuck.logicalAnd(end.evaluations.lt(maxEvaluations)), "stagnated"],
  ], "maxiter");
  return {
    x: end.x,
    objective: end.f,
    iterations: end.k.to("int32"),
    evaluations: end.evaluations.to("int32"),
    residual: size(end.g),
    status,
  };
}

/** The first step of methods that know no scale: one that moves by at most 1. */
export function cautious(g: Tensor): Tensor {
  const length = g.abs().sum();
  return where(length.gt(1), length.reciprocal(), 1);
}
