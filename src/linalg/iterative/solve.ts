/**
 * What the iterative solvers of square systems share: scaling, derivative, and the solution's form.
 *
 * @module
 */

import { frozen } from "../../autodiff/frozen.ts";
import { implicit, type Leaves, type LinearMap, transpose } from "../../autodiff/implicit.ts";
import { isGradEnabled, withGrad } from "../../graph/node.ts";
import { treeUnflatten } from "../../pytree/mod.ts";
import { wrap } from "../../tensor/core.ts";
import { maximum, where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { takeLike, takeOperator, takeVector } from "./operator.ts";
import { type Settings, settingsOf } from "./options.ts";
import type { IterativeOptions, LinearOperator } from "./types.ts";
import { Solution } from "./solution.ts";
import { isBad } from "./status.ts";
import { axpy, divided, minus, norm, plus, scaled, scaleOf, sizeOf, zerosOf } from "./vectors.ts";

/** A system whose right side is of order 1 and whose start is 0. */
export interface System {
  readonly matvec: LinearMap;
  readonly b: Leaves;
  /** An approximation of the inverse. */
  readonly precondition: LinearMap;
  /** Norm of the residual to reach. */
  readonly tolerance: Tensor;
  readonly maxiter: number;
  /** Whether to stop after `maxiter` is what was asked for. */
  readonly truncated: boolean;
}

/** How a method ended. */
export interface Outcome {
  readonly x: Leaves;
  readonly iterations: Tensor;
  readonly status: Tensor;
}

/** An iterative method. */
export interface Method {
  /** Whether it takes symmetric systems only. */
  readonly symmetric: boolean;
  run(system: System): Outcome;
}

/** A system as it is given. */
interface Given {
  readonly matvec: LinearMap;
  readonly precondition: LinearMap | null;
  readonly b: Leaves;
  readonly x0: Leaves | null;
  readonly settings: Settings;
}

/** Solves for the correction of the start, scaled so that no square leaves the range of the dtype. */
function run(method: Method, { matvec, precondition, b, x0, settings }: Given) {
  const start = x0 ?? zerosOf(b);
  const r = x0 === null ? b : minus(b, matvec(x0)), scale = scaleOf(r);
  const wanted = maximum(norm(b).mul(settings.rtol), settings.atol);
  const { x, iterations, status } = method.run({
    matvec,
    precondition: precondition ?? ((r) => [...r]),
    b: divided(r, scale),
    tolerance: wanted.div(scale),
    maxiter: settings.maxiter ?? 10 * Math.max(1, sizeOf(b)),
    truncated: settings.maxiter !== null,
  });
  return { x: plus(start, scaled(scale, x)), iterations, status };
}

/** Solves, and gives the result the derivative of the equation. */
function solve(method: Method, given: Given): Outcome {
  const { matvec, b, settings } = given;
  if (!settings.implicit) return run(method, given);
  const outcome = withGrad(false, () => run(method, given));
  if (!isGradEnabled()) return outcome;
  // Values and no handles: the rule may run inside of a function that was recorded later.
  const residual = frozen("solve", (x: Leaves) => minus(matvec(x), b));
  const { node: failed } = isBad(outcome.status);
  const x = implicit(outcome.x, residual, (transposed, g) => {
    const { precondition: M } = given;
    const back = solve(method, {
      // Also of a symmetric matrix: its perturbations need not be symmetric.
      matvec: transposed,
      precondition: M === null || method.symmetric ? M : transpose(M, b),
      b: g,
      x0: null,
      settings,
    });
    // No derivative of what is no solution.
    const bad = wrap(failed).logicalOr(isBad(back.status));
    return back.x.map((u) => where(bad, NaN, u));
  });
  return { ...outcome, x };
}

/** `A x + ridge x` in place of `A x`. */
export function withRidge(matvec: LinearMap, ridge: number | Tensor | null): LinearMap {
  return ridge === null ? matvec : (x) => axpy(matvec(x), ridge, x);
}

/** Solves `A x = b` on trees. */
export function solveTree<T>(
  op: string,
  method: Method,
  A: LinearOperator<T>,
  b: T,
  x0: T | null | undefined,
  options: IterativeOptions<T>,
  more: readonly string[] = [],
): Solution<T> {
  const settings = settingsOf(op, options, more), rhs = takeVector(op, "b", b);
  const matvec = withRidge(takeOperator(op, "A", A, rhs), settings.ridge);
  const { M } = options;
  const given: Given = {
    matvec,
    precondition: M === null || M === undefined ? null : takeOperator(op, "M", M, rhs),
    b: rhs.leaves,
    x0: x0 === null || x0 === undefined ? null : takeLike(op, "x0", x0, rhs, "b"),
    settings,
  };
  const { x, iterations, status } = solve(method, given);
  const residual = withGrad(false, () => norm(minus(rhs.leaves, matvec(x))));
  return new Solution(treeUnflatten(rhs.def, x) as T, { iterations, residual, status });
}
