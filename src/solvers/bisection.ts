/**
 * Bisection.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import { showShape } from "../graph/shape.ts";
import { repeat } from "../linalg/iterative/loop.ts";
import { statusOf } from "../linalg/iterative/status.ts";
import { full, tensor } from "../tensor/creation.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import { Tensor } from "../tensor/tensor.ts";
import { size } from "./newton_steps.ts";
import type { RootMethod } from "./types.ts";

/** Where roots lie. */
export interface BisectionOptions {
  /** Lower ends, for all unknowns or for each. */
  readonly lower: number | Tensor;
  /** Upper ends. */
  readonly upper: number | Tensor;
}

/** What an iteration hands on. */
type State = {
  readonly a: Tensor;
  readonly b: Tensor;
  /** Sign of the function at a. */
  readonly sign: Tensor;
  readonly k: Tensor;
};

/**
 * Bisection, for functions in which each unknown has an equation of its own: halves brackets in which
 * the function changes its sign, until they are not longer than `atol` (or rounding ends it). A function
 * that is 0 at an end or a middle has its root there. Brackets without a change of sign give the status
 * `"breakdown"`. The start `x0` tells only shape and dtype.
 *
 * @param options `lower` and `upper` ends, numbers or tensors like the unknowns
 * @returns a method for {@linkcode rootFind}
 *
 * @example
 * ```ts
 * import { solvers, tensor, type Tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const t = tensor([0, 0.5, 1], { dtype: "float64" });
 * const { value, status } = solvers.rootFind((x: Tensor) => x.sub(t), t.mul(0), {
 *   method: solvers.bisection({ lower: 0, upper: 1 }),
 * });
 * assertEquals([value.toArray(), status], [[0, 0.5, 1], "converged"]);
 * ```
 */
export function bisection(options: BisectionOptions): RootMethod {
  checkNames("bisection", options, ["lower", "upper"]);
  const end = (name: "lower" | "upper", x0: Tensor): Tensor => {
    const value = options[name];
    if (typeof value === "number") return full([x0.size], value, { dtype: x0.dtype });
    if (!(value instanceof Tensor)) {
      throw new TypeError(`bisection: ${name} is ${describe(value)}, wants a number or a tensor.`);
    }
    if (value.size !== x0.size && value.size !== 1) {
      throw new ShapeError(
        `bisection: ${name} has shape ${
          showShape(value.shape)
        } for ${x0.size} unknown(s); give one ` +
          `number, or one for each.`,
      );
    }
    const own = value.reshape([value.size]).to(x0.dtype);
    return value.size === x0.size ? own : own.expand([x0.size]);
  };
  return {
    name: "bisection",
    run({ f, x0, step, maxiter }) {
      const lower = end("lower", x0), upper = end("upper", x0);
      const left = f(lower), right = f(upper);
      const changes = left.sign().mul(right.sign()).le(0);
      // An end that is a root is the whole bracket.
      const a = where(right.eq(0).logicalAnd(left.ne(0)), upper, lower);
      const b = where(left.eq(0), lower, upper);
      const width = (a: Tensor, b: Tensor) => size(b.sub(a));
      const open = ({ a, b }: State) => {
        const middle = a.add(b.sub(a).div(2));
        return width(a, b).gt(step).logicalAnd(
          middle.ne(a).logicalAnd(middle.ne(b)).any(),
        );
      };
      const found = repeat<State>(
        (state) => open(state).logicalAnd(state.k.lt(maxiter)).logicalAnd(changes.all()),
        ({ a, b, sign, k }) => {
          const middle = a.add(b.sub(a).div(2)), at = f(middle).sign();
          const hit = at.eq(0), same = at.eq(sign);
          return {
            a: where(hit.logicalOr(same), middle, a),
            b: where(hit.logicalOr(same.logicalNot()), middle, b),
            sign,
            k: k.add(1),
          };
        },
        { a, b, sign: left.sign(), k: tensor(0, { dtype: "int32" }) },
        maxiter,
      );
      const x = found.a.add(found.b.sub(found.a).div(2)), residual = f(x).norm();
      const status = statusOf([
        [left.isNan().any().logicalOr(right.isNan().any()), "not finite"],
        [changes.all().logicalNot(), "breakdown"],
        [residual.isFinite().logicalNot(), "not finite"],
        [open(found).logicalNot(), "converged"],
      ], "maxiter");
      return { x, iterations: found.k, residual, status };
    },
  };
}
