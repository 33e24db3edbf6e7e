/**
 * A choice in the graph.
 *
 * @module
 */

import { parametersLike } from "../graph/body.ts";
import { DTypeError, ShapeError } from "../graph/errors.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { cond as choose } from "../primitives/cond.ts";
import { wrap } from "../tensor/core.ts";
import { checkFunction } from "../tensor/describe.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BodyTrace, traceBody } from "./body_trace.ts";
import { checkCondition, type Flat, flatten, unflatten } from "./carry.ts";

/** Throws unless both functions gave trees of one structure, of tensors alike. */
function checkBoth(yes: Flat, no: Flat): void {
  if (!yes.def.equals(no.def)) {
    throw new TypeError(
      `cond: onTrue returns the structure ${yes.def}, and onFalse ${no.def}; they must be equal.`,
    );
  }
  yes.nodes.forEach((x, i) => {
    const y = no.nodes[i], path = yes.def.paths()[i].join(".");
    const what = `cond: ${path === "" ? "the result" : `the result's ${path}`} is`;
    if (x.dtype !== y.dtype) {
      throw new DTypeError(
        `${what} ${x.dtype} of onTrue, and ${y.dtype} of onFalse; they must be equal. Convert one ` +
          `with to("${x.dtype}").`,
      );
    }
    if (!sameShape(x.shape, y.shape)) {
      throw new ShapeError(
        `${what} of shape ${showShape(x.shape)} of onTrue, and ${showShape(y.shape)} of onFalse; ` +
          "they must be equal.",
      );
    }
  });
}

/**
 * What one of two functions gives, whichever a condition chooses when the graph runs. Only that one is
 * computed, and only its derivative; `where()` computes both.
 *
 * Both functions are traced once. They may use tensors of their surroundings, but not change them in
 * place. Under `func.vmap`, where the condition differs by example, both are computed for all of them,
 * and results and derivatives are chosen for each.
 *
 * @param pred one bool
 * @param onTrue gives the result where it is true; a function of the operands
 * @param onFalse gives it where it is false: a tree of the same structure, of equal shapes and dtypes
 * @param operands trees of tensors that both functions get (numbers become tensors)
 * @returns the result
 * @throws {TypeError} where the functions return different structures
 * @throws {ShapeError} where shapes differ, or the condition is not one value
 * @throws {DTypeError} where dtypes differ, or the condition is not bool
 *
 * @example
 * ```ts
 * import { func, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const f = (x: Tensor) => func.cond(x.gt(0), (x: Tensor) => x.sqrt(), (x: Tensor) => x.neg(), x);
 * assertEquals([f(tensor(4)).item(), f(tensor(-4)).item()], [2, 4]);
 * assertEquals(func.grad(f)(tensor(-4)).item(), -1);
 * ```
 */
export function cond<R, A extends unknown[]>(
  pred: Tensor,
  onTrue: (...operands: A) => R,
  onFalse: (...operands: A) => R,
  ...operands: A
): R {
  checkFunction("cond", onTrue, "onTrue");
  checkFunction("cond", onFalse, "onFalse");
  const condition = checkCondition("cond", pred),
    args = flatten("cond", "an operand", operands, { into: true });
  const record = (fn: (...operands: A) => R, like?: Flat) =>
    traceBody(new BodyTrace("cond()"), parametersLike(args.nodes), (params) => {
      const result = flatten("cond", "the result", fn(...unflatten<A>(args.def, params)), {
        into: false,
        like,
      });
      return { nodes: result.nodes, output: result };
    });
  const yes = record(onTrue), no = record(onFalse, yes.output);
  checkBoth(yes.output, no.output);
  const results = choose(condition, yes.closed, no.closed, args.nodes);
  return unflatten(yes.output.def, results.map(wrap));
}
