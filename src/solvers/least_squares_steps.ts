/**
 * What least-squares methods share.
 *
 * @module
 */

import { repeat } from "../linalg/iterative/loop.ts";
import { statusOf } from "../linalg/iterative/status.ts";
import { tensor } from "../tensor/creation.ts";
import { maximum, where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { size } from "./newton_steps.ts";
import { jacobianOf } from "./problem.ts";
import type { Found, LeastSquaresProblem } from "./types.ts";

type Memory = { readonly [name: string]: Tensor };

/** Where an iteration stands. */
export interface Place {
  readonly x: Tensor;
  readonly r: Tensor;
  readonly J: Tensor;
  /** The gradient `J^T r`. */
  readonly g: Tensor;
}

/** A step that is tried, and what is remembered after it. */
export interface Trial<M> {
  readonly step: Tensor;
  /** Whether to take the step though the sum of squares grows. */
  readonly always?: boolean;
  /** Memory after the step; gets whether it was taken, and the sum of squares there. */
  after(taken: Tensor, sum: Tensor): M;
}

/** What an iteration hands on. */
type State<M> = M & Place & { readonly moved: Tensor; readonly k: Tensor };

const sumOf = (r: Tensor) => r.dot(r);

/** Iterates steps that make the sum of squares smaller; `most` bounds the memory that means trouble. */
export function leastSquaresSteps<M extends Memory>(
  { r, x0, tolerance, step, maxiter }: LeastSquaresProblem,
  memory: M,
  propose: (place: Place, memory: M) => Trial<M>,
  hopeless: (memory: M) => Tensor,
): Found {
  const placeAt = (x: Tensor, y: Tensor): Place => {
    const J = jacobianOf(r, x);
    return { x, r: y, J, g: y.matmul(J) };
  };
  const rounding = x0.dtype === "float32" ? 1e-7 : 1e-16;
  const done = ({ g, r, x, J, moved }: State<M>) =>
    size(g).le(maximum(J.norm().mul(r.norm()).mul(rounding), tolerance)).logicalOr(r.eq(0).all())
      .logicalOr(moved.le(size(x).mul(step)));
  const end = repeat<State<M>>(
    (state) =>
      done(state).logicalOr(hopeless(state)).logicalNot().logicalAnd(state.k.lt(maxiter))
        .logicalAnd(state.r.isFinite().all()).logicalAnd(state.J.isFinite().all()),
    (state) => {
      const { x, k } = state, trial = propose(state, state);
      const to = x.add(trial.step), y = r(to), sum = sumOf(y);
      const better = trial.always === true ? sum.isFinite() : sum.lt(sumOf(state.r));
      const next = placeAt(where(better, to, x), where(better, y, state.r));
      return {
        ...trial.after(better, sum),
        ...next,
        moved: where(better, size(trial.step), Infinity),
        k: k.add(1),
      };
    },
    {
      ...memory,
      ...placeAt(x0, r(x0)),
      moved: tensor(Infinity, { dtype: x0.dtype }),
      k: tensor(0, { dtype: "int32" }),
    },
    maxiter,
  );
  const finite = end.r.isFinite().all().logicalAnd(end.J.isFinite().all());
  const status = statusOf([
    [finite.logicalNot(), "not finite"],
    [done(end), "converged"],
    [hopeless(end), "stagnated"],
  ], "maxiter");
  return { x: end.x, iterations: end.k, residual: end.r.norm(), status };
}
