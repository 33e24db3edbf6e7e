/**
 * What solvers share: trees as vectors, options, and the derivative of a solution.
 *
 * @module
 */

import { frozen } from "../autodiff/frozen.ts";
import type { Leaves } from "../autodiff/implicit.ts";
import { jvp } from "../autodiff/function_transforms.ts";
import { vmap } from "../autodiff/vmap.ts";
import { implicitRoot } from "../diff/implicit/root.ts";
import { GradientError } from "../graph/errors.ts";
import { isGradEnabled, withGrad } from "../graph/node.ts";
import { takeLike, takeVector, type Vector } from "../linalg/iterative/operator.ts";
import { checkCount, checkTolerance, checkWord } from "../linalg/iterative/options.ts";
import { Solution } from "../linalg/iterative/solution.ts";
import { codeOf } from "../linalg/iterative/status.ts";
import { flat, scalarType, sizeOf, unflat } from "../linalg/iterative/vectors.ts";
import { auto } from "../linear_solve/auto.ts";
import type { LinearSolver } from "../linear_solve/solver.ts";
import { treeUnflatten } from "../pytree/mod.ts";
import { eye } from "../tensor/creation.ts";
import { checkBoolean, checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import { wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import type { SolverOptions } from "./types.ts";

/** Options with their defaults. */
export interface Settings {
  readonly rtol: number;
  readonly atol: number;
  readonly maxiter: number;
}

/** The start as a vector, and the way back. */
export interface Unknowns {
  readonly start: Vector;
  readonly x0: Tensor;
  readonly n: number;
  /** Whether digits are those of float32. */
  readonly single: boolean;
}

/** Takes the start apart. */
export function unknownsOf(op: string, x0: unknown): Unknowns {
  const start = takeVector(op, "x0", x0), single = scalarType(start.leaves) === "float32";
  if (start.leaves.length === 0) throw new TypeError(`${op}: x0 has no tensors.`);
  return { start, x0: flat(start.leaves), n: sizeOf(start.leaves), single };
}

/** A function of vectors. */
interface OnVectors {
  /** For derivatives of the solution: sees its surroundings as they were. */
  (x: Tensor): Tensor;
  /** For iterations, which are traced at once: a function that has solvers inside is differentiated there. */
  readonly now: (x: Tensor) => Tensor;
}

/** A function of trees as one of vectors; `like` says what its results are like, if they are trees. */
export function onVectors(
  op: string,
  fn: (x: never) => unknown,
  { start }: Unknowns,
  results: (y: unknown) => Leaves,
): OnVectors {
  checkFunction(op, fn, "the function");
  const plain = ([x]: Leaves) => {
    const tree = treeUnflatten(start.def, unflat(x, start.leaves));
    return [flat(results(fn(tree as never)))];
  };
  const own = frozen(op, plain);
  const now = (x: Tensor) => (currentTrace() === null ? own : plain)([x])[0];
  return Object.assign((x: Tensor) => own([x])[0], { now });
}

/** Results that have to be like the unknowns. */
export function alike(op: string, what: string, { start }: Unknowns): (y: unknown) => Leaves {
  return (y) => takeLike(op, what, y, start, "x0");
}

/** The Jacobian of a function of vectors, by columns. */
export function jacobianOf(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const column = (v: Tensor) => jvp(f as (...x: Tensor[]) => Tensor, [x], [v])[1] as Tensor;
  return vmap(column, { outAxes: 1 })(eye(x.size, { dtype: x.dtype }));
}

/** Checks options; `defaults` are for float32 and float64. */
export function settingsOf(
  op: string,
  options: SolverOptions,
  more: readonly string[],
  { single }: Unknowns,
  defaults: { rtol: [number, number]; atol: [number, number]; maxiter: number },
): Settings {
  checkNames(op, options, ["rtol", "atol", "maxiter", "differentiate", "solve", "strict", ...more]);
  const at = single ? 0 : 1;
  const { rtol = defaults.rtol[at], atol = defaults.atol[at] } = options;
  checkTolerance(op, "rtol", rtol);
  checkTolerance(op, "atol", atol);
  const maxiter = checkCount(op, "maxiter", options.maxiter) ?? defaults.maxiter;
  return { rtol, atol, maxiter };
}

/** What makes the methods of each solver, as messages name it. */
const METHODS = {
  rootFind: ["newton()", "chord()", "broyden()", "bisection({ lower, upper })"],
  fixedPoint: ["picard()", "anderson()"],
  minimize: ["lbfgs()", "bfgs()", "nonlinearCg()", "gradientDescent()"],
  leastSquares: ["levenbergMarquardt()", "gaussNewton()", "dogleg()"],
};

/** Throws unless an option is a method, and not one that belongs to another solver. */
export function checkMethod(op: keyof typeof METHODS, method: unknown): void {
  let got = describe(method);
  if (typeof method === "object" && method !== null && "run" in method) {
    const name = "name" in method ? String(method.name) : "";
    const owner = Object.entries(METHODS).find(([, made]) =>
      made.some((call) => call.startsWith(`${name}(`))
    );
    if (owner === undefined || owner[0] === op) return;
    got = `${name}(), which is a method of ${owner[0]}()`;
  }
  const own = METHODS[op];
  throw new TypeError(
    `${op}: method is ${got}, wants ${own.slice(0, -1).join(", ")} or ${own[own.length - 1]}.`,
  );
}

/** How a solver ended. */
export interface Outcome {
  readonly x: Tensor;
  readonly iterations: Tensor;
  readonly residual: Tensor;
  readonly status: Tensor;
}

/** Runs a solver, and gives its solution the derivative that is asked for. */
export function finish<T, O extends Outcome>(
  op: string,
  options: SolverOptions,
  unknowns: Unknowns,
  run: () => O,
  residual: (x: Tensor) => Tensor,
  solve: LinearSolver = auto(),
): { solution: Solution<T>; outcome: O } {
  const { start } = unknowns, { differentiate = "implicit", strict = false } = options;
  checkBoolean(`${op}: strict`, strict);
  checkWord(op, "differentiate", differentiate, ["implicit", "unroll", "none"]);
  if (options.solve !== undefined) checkFunction(op, options.solve, "solve");
  const unrolled = differentiate === "unroll";
  const outcome = unrolled ? run() : withGrad(false, run);
  const { x, iterations, residual: rest, status } = outcome;
  const tree = (leaves: Leaves) => treeUnflatten(start.def, leaves) as T;
  let leaves: Leaves = unflat(x, start.leaves);
  if (differentiate === "implicit" && isGradEnabled()) {
    const root = implicitRoot({
      op,
      solution: { leaves: [...leaves], def: start.def },
      residual: (x) => tree(unflat(residual(flat(takeVector(op, "x", x).leaves)), start.leaves)),
      solve: marking(options.solve ?? solve, status, () => checkEnd(op, strict, outcome)),
      strict: false,
      seen: { done: true },
    });
    leaves = root;
  }
  const tensors = { iterations, residual: rest, status };
  return { solution: new Solution(tree(leaves), tensors), outcome };
}

/** Solvers at whose end was looked: once, since that computes it apart from the rest. */
const looked = new Set<string>();

/** A residual is far from zero where it exceeds this. */
const FAR = 0.1;

/**
 * Says that a derivative is asked for where there is no solution: once, or with `strict` as an error for
 * each. Inside of traces that cannot be known.
 */
function checkEnd(op: string, strict: boolean, { status, residual, iterations }: Outcome): void {
  if (currentTrace() !== null || (!strict && looked.has(op))) return;
  looked.add(op);
  const end = new Solution(null, { status, residual, iterations });
  if (end.status === "converged" || (!strict && end.residual <= FAR)) return;
  const message =
    `${op}: it ended with status "${end.status}" after ${end.iterations} iteration(s), with a residual of ` +
    `norm ${
      end.residual.toPrecision(3)
    }, while the derivative is that of an exact solution. Start ` +
    `nearer, give it more iterations (maxiter) or another method, or ask for less by rtol and atol.`;
  if (strict) throw new GradientError(message);
  console.warn(`${message} (Said once; strict: true makes this an error each time.)`);
}

/** A linear solver whose results are NaN where the solution is none; `check` runs before. */
function marking(solve: LinearSolver, status: Tensor, check: () => void): LinearSolver {
  // The value and no handle: that may belong to the function of a solver around, which has returned.
  const { node: bad } = status.ge(codeOf("breakdown"));
  const mark = <T>(x: T): T => mapTensors(x, (v) => where(wrap(bad), NaN, v));
  const own = <T>(matvec: (x: T) => T, b: T): T => {
    check();
    return mark(solve(matvec, b));
  };
  if (solve.solution === undefined) return own;
  return Object.assign(own, {
    truncates: solve.truncates,
    solution<T>(matvec: (x: T) => T, b: T): Solution<T> {
      check();
      const { value, tensors } = solve.solution!(matvec, b);
      return new Solution(mark(value), tensors);
    },
  });
}

function mapTensors<T>(tree: T, fn: (x: Tensor) => Tensor): T {
  const { leaves, def } = takeVector("solvers", "x", tree);
  return treeUnflatten(def, leaves.map(fn)) as T;
}
