/**
 * The iteration of GMRES.
 *
 * @module
 */

import type { LinearMap } from "../../autodiff/implicit.ts";
import { arange, eye, tensor, zeros } from "../../tensor/creation.ts";
import { checkObject } from "../../tensor/describe.ts";
import { outer, where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { triangularSolve } from "../dense/systems.ts";
import { repeat } from "./loop.ts";
import { checkCount } from "./options.ts";
import type { Method, Outcome, System } from "./solve.ts";
import { statusOf } from "./status.ts";
import type { GmresOptions } from "./types.ts";
import { flat, onFlat, sizeOf, unflat } from "./vectors.ts";

/** What a cycle hands on. */
type State = {
  readonly x: Tensor;
  readonly r: Tensor;
  readonly cycle: Tensor;
  readonly iterations: Tensor;
  readonly stagnated: Tensor;
};

/** What a step of the Arnoldi process hands on. */
type Arnoldi = {
  /** Orthonormal vectors, one a row; zeros below. */
  readonly V: Tensor;
  /** The product of all rotations so far. */
  readonly Q: Tensor;
  /** The rotated Hessenberg matrix: upper triangular, with ones where no column is yet. */
  readonly R: Tensor;
  readonly j: Tensor;
  /** Norm of the preconditioned residual of the best point so far. */
  readonly rest: Tensor;
};

/** Row `j` of a matrix, for a scalar tensor. */
const row = (M: Tensor, unit: Tensor) => unit.matmul(M);

/**
 * One step: the next vector of the Krylov space, made orthogonal by two passes of Gram and Schmidt
 * (Giraud et al., 2005), and its coefficients, made triangular by a Givens rotation.
 */
function step(map: (v: Tensor) => Tensor, m: number, { V, Q, R, j, rest: _ }: Arnoldi): Arnoldi {
  const { dtype, device } = V, at = arange(m + 1, { dtype: "int64", device });
  const unit = at.eq(j).to(dtype), next = at.eq(j.add(1)).to(dtype);
  const image = map(row(V, unit)), first = V.matmul(image);
  const once = image.sub(first.matmul(V)), second = V.matmul(once);
  const rest = once.sub(second.matmul(V)), length = rest.norm();
  // What is left of a vector in the space is rounding.
  const inside = length.le(image.norm().mul(dtype === "float32" ? 1e-6 : 1e-14));
  const own = where(inside, 0, length), safe = where(inside, 1, length);
  const column = Q.matmul(first.add(second).add(next.mul(own)));
  const a = column.mul(unit).sum(), b = column.mul(next).sum();
  const radius = a.square().add(b.square()).sqrt(), empty = radius.eq(0);
  // A column of zeros moves nothing: its coefficient becomes 0, by a quarter turn.
  const divisor = where(empty, 1, radius);
  const c = where(empty, 0, a.div(divisor)), s = where(empty, 1, b.div(divisor));
  const upper = row(Q, unit), lower = row(Q, next);
  const rotated = Q.add(outer(unit, upper.mul(c).add(lower.mul(s)).sub(upper)))
    .add(outer(next, lower.mul(c).sub(upper.mul(s)).sub(lower)));
  const triangular = column.mul(at.lt(j).to(dtype)).add(unit.mul(where(empty, 1, radius)));
  const mark = unit.narrow(0, 0, m);
  return {
    V: V.add(outer(next, rest.mul(where(inside, 0, safe.reciprocal())))),
    Q: rotated,
    R: R.add(outer(triangular.narrow(0, 0, m).sub(mark), mark)),
    j: j.add(1),
    rest: row(rotated, next).select(0, 0).abs(),
  };
}

/** Restarted GMRES as a method. */
function generalizedMinimalResiduals(restart: number | null, cycles: number | null): Method {
  const run = ({ matvec, b, precondition, tolerance }: System): Outcome => {
    const n = sizeOf(b), m = Math.max(1, Math.min(restart ?? 20, n));
    const most = cycles ?? Math.max(1, Math.ceil(10 * n / m));
    const map: LinearMap = (v) => precondition(matvec(v));
    const A = onFlat(matvec, b), M = onFlat(precondition, b), MA = onFlat(map, b);
    const start = flat(b), { dtype, device } = start;
    const end = repeat<State>(
      ({ r, cycle, stagnated }) =>
        r.norm().gt(tolerance).logicalAnd(cycle.lt(most)).logicalAnd(stagnated.logicalNot()),
      ({ x, r, cycle, iterations }) => {
        const z = M(r), beta = z.norm(), size = r.norm();
        // The residual that is known is the preconditioned one.
        const goal = tolerance.mul(beta.div(size)).mul(0.5);
        const first = arange(m + 1, { dtype: "int64", device }).eq(0).to(dtype);
        const found = repeat<Arnoldi>(
          ({ j, rest }) => j.lt(m).logicalAnd(rest.mul(beta).gt(goal)),
          (state) => step(MA, m, state),
          {
            V: outer(first, z.div(where(beta.eq(0), 1, beta))),
            Q: eye(m + 1, { dtype }),
            R: eye(m, { dtype }),
            j: tensor(0, { dtype: "int64" }),
            rest: tensor(1, { dtype }),
          },
          m,
        );
        const used = arange(m, { dtype: "int64", device }).lt(found.j).to(dtype);
        const g = found.Q.select(1, 0).narrow(0, 0, m).mul(used).mul(beta);
        const y = triangularSolve(found.R, g, { upper: true });
        const moved = x.add(y.matmul(found.V.narrow(0, 0, m)));
        const after = start.sub(A(moved));
        // Without progress, the next cycle would be the same.
        const better = after.norm().lt(size.mul(1 - 1e-6)).logicalOr(after.norm().le(tolerance));
        return {
          x: where(better, moved, x),
          r: where(better, after, r),
          cycle: cycle.add(1),
          iterations: iterations.add(found.j.to("int32")),
          stagnated: better.logicalNot(),
        };
      },
      {
        x: zeros([n], { dtype }),
        r: start,
        cycle: tensor(0, { dtype: "int32" }),
        iterations: tensor(0, { dtype: "int32" }),
        stagnated: tensor(false),
      },
      most,
    );
    const rest = end.r.norm();
    const status = statusOf([
      [rest.le(tolerance), "converged"],
      [rest.isFinite().logicalNot(), "not finite"],
      [end.stagnated, "stagnated"],
    ], "maxiter");
    return { x: unflat(end.x, b), iterations: end.iterations, status };
  };
  return { symmetric: false, run };
}

/** The method for some options. */
export function gmresOf<T>(op: string, options: GmresOptions<T>): Method {
  checkObject(op, options);
  const restart = checkCount(op, "restart", options.restart);
  if (restart === 0) throw new RangeError(`${op}: restart is 0, wants a whole number >= 1.`);
  return generalizedMinimalResiduals(restart, checkCount(op, "maxiter", options.maxiter));
}
