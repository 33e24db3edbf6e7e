/**
 * What decorators of solvers share.
 *
 * @module
 */

import { takeVector } from "../../linalg/iterative/operator.ts";
import { solveNormalCg } from "../../linear_solve/solve_normal_cg.ts";
import { detach } from "../../primitives/movement.ts";
import { type PyTree, treeMap, treeUnflatten } from "../../pytree/mod.ts";
import { wrap } from "../../tensor/core.ts";
import { checkFunction, checkNames, describe } from "../../tensor/describe.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { implicitRoot } from "./root.ts";
import type { CustomRootOptions, Solved, SolverFunction } from "./types.ts";

/** The numbers of the differentiated arguments. */
function numbersOf(op: string, argnums: unknown): number[] {
  const numbers = Array.isArray(argnums) ? argnums : [argnums];
  for (const n of numbers) {
    if (Number.isInteger(n) && n > 0) continue;
    throw new RangeError(
      `${op}: argnums is ${describe(n)}, wants whole numbers from 1 on: argument 0 is where the ` +
        `solver starts, of which the solution is independent.`,
    );
  }
  if (numbers.length === 0) {
    throw new RangeError(`${op}: argnums is empty; name the arguments to differentiate.`);
  }
  return numbers;
}

/** The tensors of a tree as `change` gives them; everything else stays. */
function mapTensors(tree: unknown, change: (x: Tensor) => Tensor): unknown {
  return treeMap(
    (x: unknown) => x instanceof Tensor ? change(x) : x,
    tree as PyTree<unknown>,
  );
}

/** The same value without a history, a leaf of its own. */
function fresh(x: Tensor): Tensor {
  const own = wrap(detach(x.node));
  return x.requiresGrad ? own.requiresGrad_() : own;
}

/** What `customRoot` and `customFixedPoint` do; `residualOf` makes the residual. */
export function withImplicitGradient(
  op: string,
  fn: SolverFunction,
  options: CustomRootOptions,
  residual: SolverFunction,
): <F extends SolverFunction>(solver: F) => Solved<F> {
  checkFunction(op, fn);
  checkNames(op, options, ["argnums", "hasAux", "solve", "strict"]);
  const numbers = numbersOf(op, options.argnums);
  const { hasAux = false, solve = solveNormalCg(), strict = false } = options;
  checkFunction(op, solve, "solve");
  return <F extends SolverFunction>(solver: F): Solved<F> => {
    checkFunction(op, solver, "the solver");
    const seen = { done: false };
    return (...args) => {
      const missing = numbers.find((n) => n >= args.length);
      if (missing !== undefined) {
        throw new RangeError(
          `${op}: argnums ${missing} is out of range for ${args.length} argument(s).`,
        );
      }
      // Values of now, which the derivative rule needs later.
      const differentiable = args.map((x, i) =>
        mapTensors(x, ({ node }) => wrap(numbers.includes(i) ? node : detach(node)))
      );
      const returned = solver(...args.map((x) => mapTensors(x, fresh)));
      if (hasAux && !(Array.isArray(returned) && returned.length === 2)) {
        throw new TypeError(
          `${op}: with hasAux the solver must return [solution, aux], got ${describe(returned)}.`,
        );
      }
      const { leaves, def } = takeVector(
        op,
        "what the solver returned",
        hasAux ? returned[0] : returned,
      );
      const solution = { leaves: leaves.map((x) => wrap(detach(x.node))), def };
      const rest = (x: unknown) => residual(x, ...differentiable.slice(1));
      const root = implicitRoot({ op, solution, residual: rest, solve, strict, seen });
      const result = treeUnflatten(def, root);
      return (hasAux ? [result, returned[1]] : result) as ReturnType<F>;
    };
  };
}
