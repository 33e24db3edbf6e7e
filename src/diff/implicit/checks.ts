/**
 * What can be said of a solution and of the linear solve behind its derivative.
 *
 * @module
 */

import type { Leaves } from "../../autodiff/implicit.ts";
import { GradientError } from "../../graph/errors.ts";
import { withGrad } from "../../graph/node.ts";
import type { Solution, Status } from "../../linalg/iterative/solution.ts";
import { largest, norm } from "../../linalg/iterative/vectors.ts";
import { currentTrace } from "../../tensor/trace.ts";
import type { Equation } from "./root.ts";

/** A residual is far from zero where it exceeds this, times the solution where that is larger than 1. */
const FAR = 0.1;

/** Looks whether the solution solves the equation: at the first call, or with `strict` at each. */
export function checkResidual(equation: Equation, residual: (x: Leaves) => Leaves): void {
  const { op, strict, seen, solution: { leaves } } = equation;
  if (currentTrace() !== null || (!strict && seen.done)) return;
  seen.done = true;
  const [rest, size] = withGrad(false, () => [norm(residual(leaves)), largest(leaves)]);
  const far = rest.item();
  if (far <= FAR * Math.max(1, size.item())) return;
  const message =
    `${op}: the residual at the solution has norm ${
      far.toPrecision(3)
    }, which is far from 0, while ` +
    `the derivative is that of an exact solution. Let the solver go on for longer, or check that the ` +
    `residual is 0 at what it returns.`;
  if (strict) throw new GradientError(message);
  console.warn(`${message} (Said once; strict: true makes this an error.)`);
}

/**
 * Throws where the linear solve of the derivative failed. Inside of traces, where that cannot be
 * known, its result is NaN then.
 */
export function checkSolve<T>({ op, solve, strict }: Equation, found: Solution<T>): void {
  if (currentTrace() !== null) return;
  const { status } = found;
  if (status === "converged") return;
  if (status === "maxiter" && solve.truncates === true && !strict) return;
  throw new GradientError(
    `${op}: the linear solve for the derivative ended with status "${status}" after ` +
      `${found.iterations} iteration(s), with a residual of norm ${
        found.residual.toPrecision(3)
      }. ${ADVICE[status]}`,
  );
}

const OTHERS =
  "give another one as the option `solve` (`linearSolve` on the module), such as solveNormalCg(), " +
  "solveGmres() or, for few unknowns, solveInv()";

const ADVICE: Readonly<Record<Exclude<Status, "converged">, string>> = {
  maxiter: `Say maxiter yourself to take what is there, or more of it; add a ridge; or ${OTHERS}.`,
  stagnated:
    `The Jacobian is singular, or the method comes no nearer: ask for less by rtol, add a ridge, or ${OTHERS}.`,
  breakdown:
    `The Jacobian is singular or not of the kind that this solver takes (solveCg() wants it symmetric ` +
    `and positive definite): add a ridge, or ${OTHERS}.`,
  "not finite":
    "The Jacobian is singular, or there is NaN or infinity in it or in the gradient: look at the " +
    "solution and at the residual there, or add a ridge.",
};
