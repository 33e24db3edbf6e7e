/**
 * Least-squares solutions with their derivative.
 *
 * @module
 */

import { frozen } from "../../autodiff/frozen.ts";
import { derived, type Leaves, type LinearMap, transpose } from "../../autodiff/implicit.ts";
import { ShapeError } from "../../graph/errors.ts";
import { isGradEnabled, withGrad } from "../../graph/node.ts";
import { showShape } from "../../graph/shape.ts";
import { treeUnflatten } from "../../pytree/mod.ts";
import { zeros } from "../../tensor/creation.ts";
import { checkObject } from "../../tensor/describe.ts";
import { maximum, where } from "../../tensor/functions.ts";
import { wrap } from "../../tensor/core.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { leastSquares } from "./lsmr_method.ts";
import { takeLike, takeVector, type Vector } from "./operator.ts";
import { type Settings, settingsOf } from "./options.ts";
import { Solution } from "./solution.ts";
import type { Outcome } from "./solve.ts";
import { isBad } from "./status.ts";
import type { LeastSquaresOptions, RectangularOperator } from "./types.ts";
import { divided, minus, norm, plus, scaled, scaleOf, sizeOf, zerosOf } from "./vectors.ts";

/** A problem with the transpose at hand. */
interface Given {
  readonly matvec: LinearMap;
  readonly transposed: LinearMap;
  readonly b: Leaves;
  readonly x0: Leaves;
  readonly settings: Settings;
}

/** The operator as a function of lists like `x0`, whose results are like `b`. */
function takeRectangular<X, B>(
  op: string,
  A: RectangularOperator<X, B>,
  b: Vector,
  x0: X | null | undefined,
): { forward: LinearMap; x: Vector } {
  if (typeof A === "function") {
    if (x0 === null || x0 === undefined) {
      throw new TypeError(
        `${op}: A is a function, which does not tell the shape of x; give x0, zeros say.`,
      );
    }
    const x = takeVector(op, "x0", x0);
    const forward = frozen(op, (v: Leaves) => {
      const y = A(treeUnflatten(x.def, v) as X);
      return takeLike(op, "what A returned", y, b, "b");
    });
    return { forward, x };
  }
  const [rhs] = b.leaves;
  if (!(A instanceof Tensor) || A.ndim !== 2 || b.leaves.length !== 1 || rhs.ndim !== 1) {
    throw new TypeError(
      `${op}: A and b have to be a matrix and a vector; give a function and x0 for anything else.`,
    );
  }
  const [rows, columns] = A.shape;
  if (rhs.shape[0] !== rows || A.dtype !== rhs.dtype) {
    throw new ShapeError(
      `${op}: A is ${A.dtype} of shape ${showShape(A.shape)} and b ${rhs.dtype} of shape ` +
        `${showShape(rhs.shape)}; b has to have as many elements as A has rows, in its dtype.`,
    );
  }
  const like = takeVector(op, "x", zeros([columns], { dtype: rhs.dtype }));
  const start = x0 === null || x0 === undefined ? like.leaves : takeLike(op, "x0", x0, like, "x");
  return {
    forward: frozen(op, ([v]: Leaves) => [A.matmul(v)]),
    x: { leaves: start, def: like.def },
  };
}

/** Solves for the correction of the start, scaled so that no square leaves the range of the dtype. */
function run({ matvec, transposed, b, x0, settings }: Given): Outcome {
  const r = minus(b, matvec(x0)), scale = scaleOf(r);
  const goal = maximum(norm(transposed(b)).mul(settings.rtol), settings.atol);
  const { x, iterations, status } = leastSquares({
    matvec,
    transposed,
    b: divided(r, scale),
    tolerance: goal.div(scale),
    maxiter: settings.maxiter ?? 10 * Math.max(1, sizeOf(b), sizeOf(x0)),
  });
  return { x: plus(x0, scaled(scale, x)), iterations, status };
}

/**
 * Solves, with the derivative of the pseudoinverse at constant rank (Golub & Pereyra, The
 * differentiation of pseudo-inverses and nonlinear least squares problems, 1973): with r = b - A x,
 * `dx = A+ (db - dA x) + A+ A+^T dA^T r + (I - A+ A) dA^T A+^T x`.
 */
function solve(given: Given): Outcome {
  const { transposed, x0, settings } = given;
  if (!settings.implicit) return run(given);
  const outcome = withGrad(false, () => run(given));
  if (!isGradEnabled()) return outcome;
  const tight = { ...settings, rtol: Math.min(settings.rtol, 1e-12) };
  // Values and no handles: the rule may run inside of a function that was recorded later.
  const matvec = frozen("lsmr", given.matvec), right = frozen("lsmr", () => given.b);
  const { node: failed } = isBad(outcome.status);
  const x = derived(outcome.x, (x) => [...matvec(x), ...right()], (x, g, apart) => {
    const b = right();
    const back: Given = {
      matvec: transposed,
      transposed: matvec,
      b: g,
      x0: zerosOf(b),
      settings: tight,
    };
    const y = solve(back);
    const z = solve({ ...given, matvec, b: y.x, x0: zerosOf(x0), settings: tight });
    const u = solve({ ...back, b: x });
    const bad = [y, z, u].reduce((bad, { status }) => bad.logicalOr(isBad(status)), wrap(failed));
    const r = minus(b, matvec(x)), p = minus(g, transposed(y.x));
    const image = (v: Leaves) => withGrad(true, () => matvec(apart(v)));
    const marked = (v: Leaves) => v.map((w) => where(bad, NaN, w));
    return {
      outputs: [...withGrad(true, () => matvec(x)), ...image(z.x), ...image(p), ...b],
      seeds: [...marked(y.x.map((v) => v.neg())), ...marked(r), ...marked(u.x), ...marked(y.x)],
    };
  });
  return { ...outcome, x };
}

/** Solves a least-squares problem on trees. */
export function solveLeastSquares<X, B>(
  op: string,
  A: RectangularOperator<X, B>,
  b: B,
  x0: X | null | undefined,
  options: LeastSquaresOptions,
): Solution<X> {
  checkObject(op, options);
  const { rtol = 1e-8 } = options, settings = settingsOf(op, { ...options, rtol });
  if ("M" in options) throw new TypeError(`${op}: there is no option M; scale A instead.`);
  const rhs = takeVector(op, "b", b), { forward, x } = takeRectangular(op, A, rhs, x0);
  const { ridge } = settings;
  // A ridge is more rows: sqrt(ridge) times the unknowns, which ought to be 0.
  const root = ridge === null ? null : typeof ridge === "number" ? Math.sqrt(ridge) : ridge.sqrt();
  const matvec: LinearMap = root === null ? forward : (v) => [
    ...forward(v),
    ...v.map((w) => w.mul(typeof root === "number" ? root : root.to(w.dtype))),
  ];
  const whole = root === null ? rhs.leaves : [...rhs.leaves, ...zerosOf(x.leaves)];
  const found = solve({
    matvec,
    transposed: transpose(matvec, x.leaves),
    b: whole,
    x0: x.leaves,
    settings,
  });
  const residual = withGrad(false, () => norm(minus(rhs.leaves, forward(found.x))));
  return new Solution(treeUnflatten(x.def, found.x) as X, {
    iterations: found.iterations,
    residual,
    status: found.status,
  });
}
