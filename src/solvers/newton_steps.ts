/**
 * Iterations of Newton's kind: a direction, shortened until the residual falls.
 *
 * @module
 */

import { cond } from "../autodiff/cond.ts";
import { repeat } from "../linalg/iterative/loop.ts";
import { statusOf } from "../linalg/iterative/status.ts";
import { tensor } from "../tensor/creation.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Found, RootProblem } from "./types.ts";

/** How often a step may be halved. */
const HALVINGS = 30;

/** What the search along a direction hands on. */
type Search = { readonly t: Tensor; readonly y: Tensor; readonly k: Tensor };

/** Part of an iteration's state that all methods share. */
export type NewtonState<M extends { readonly [name: string]: Tensor }> = M & {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly moved: Tensor;
  readonly k: Tensor;
  /** Whether the memory is that of the present point. */
  readonly fresh: Tensor;
  readonly stuck: Tensor;
};

/** The largest absolute value; 0 of nothing. */
export function size(x: Tensor): Tensor {
  return x.size === 0 ? x.sum() : x.abs().amax();
}

/** The largest t of 1, 1/2, 1/4 … at which the residual is smaller, and the residual there. */
function backtrack(f: (x: Tensor) => Tensor, x: Tensor, y: Tensor, d: Tensor): Search {
  const before = y.norm();
  const good = ({ t, y }: Search) => y.norm().le(t.mul(-1e-4).add(1).mul(before));
  return repeat<Search>(
    (state) => good(state).logicalNot().logicalAnd(state.k.lt(HALVINGS)),
    ({ t, k }) => {
      const half = t.div(2);
      return { t: half, y: f(x.add(d.mul(half))), k: k.add(1) };
    },
    {
      t: before.mul(0).add(1).nanToNum({ nan: 1 }),
      y: f(x.add(d)),
      k: tensor(0, { dtype: "int32" }),
    },
    HALVINGS,
  );
}

/**
 * Iterates `x + t direction`. `memory` is what a method remembers; `update` gets the step and the change
 * of the function. Where no step along a direction helps and the memory is old, `refresh` makes a new one.
 */
export function newtonSteps<M extends { readonly [name: string]: Tensor }>(
  { f, x0, tolerance, step, maxiter }: RootProblem,
  memory: M,
  direction: (x: Tensor, y: Tensor, memory: M) => Tensor,
  update: (memory: M, s: Tensor, dy: Tensor) => M,
  refresh: ((x: Tensor) => M) | null = null,
): Found {
  const y0 = f(x0), nothing = tensor(Infinity, { dtype: x0.dtype });
  const done = (x: Tensor, y: Tensor, moved: Tensor) => {
    const rest = size(y);
    return rest.eq(0).logicalOr(rest.le(tolerance).logicalAnd(moved.le(size(x).mul(step))));
  };
  const end = repeat<NewtonState<M>>(
    ({ x, y, moved, k, stuck }) =>
      done(x, y, moved).logicalOr(stuck).logicalNot().logicalAnd(k.lt(maxiter))
        .logicalAnd(size(y).isFinite()),
    (state) => {
      const { x, y, k } = state, d = direction(x, y, state);
      const fine = d.isFinite().all(), way = where(fine, d, 0);
      const found = backtrack(f, x, y, way), better = found.y.norm().lt(y.norm()).logicalAnd(fine);
      const s = way.mul(found.t), stop = better.logicalNot();
      const kept = Object.fromEntries(Object.keys(memory).map((name) => [name, state[name]])) as M;
      const next = () => update(kept, s, found.y.sub(y));
      return {
        ...(refresh === null ? next() : cond(stop, () => refresh(x), next)),
        x: where(better, x.add(s), x),
        y: where(better, found.y, y),
        moved: where(better, size(s), 0),
        k: k.add(1),
        fresh: refresh === null ? state.fresh : stop,
        // Near a root the residual is rounding, and need not fall.
        stuck: stop.logicalAnd(state.fresh),
      };
    },
    {
      ...memory,
      x: x0,
      y: y0,
      moved: nothing,
      k: tensor(0, { dtype: "int32" }),
      fresh: tensor(true),
      stuck: tensor(false),
    },
    maxiter,
  );
  const rest = size(end.y);
  const reached = done(end.x, end.y, end.moved).logicalOr(end.stuck.logicalAnd(rest.le(tolerance)));
  const status = statusOf([
    [reached, "converged"],
    [rest.isFinite().logicalNot(), "not finite"],
    [end.stuck, "stagnated"],
  ], "maxiter");
  return { x: end.x, iterations: end.k, residual: end.y.norm(), status };
}
