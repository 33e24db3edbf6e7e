/**
 * What a solver says of its result.
 *
 * @module
 */

import { type PyTree, register } from "../../pytree/mod.ts";
import { realize } from "../../tensor/realize.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { forbidInTrace } from "../../tensor/trace.ts";

/**
 * How a solver ended:
 *
 * - `"converged"`: the tolerance is met;
 * - `"maxiter"`: it was not met after the iterations allowed;
 * - `"stagnated"`: further iterations would not come nearer, for the method or for rounding;
 * - `"breakdown"`: a division by zero in the method, for a matrix that it is not made for (CG and one
 *   that is not positive definite, say) or that is singular;
 * - `"not finite"`: NaN or infinity in the problem or on the way.
 */
export type Status = "converged" | "maxiter" | "stagnated" | "breakdown" | "not finite";

/**
 * Names of the numbers in `Solution.tensors.status`.
 *
 * @example
 * ```ts
 * import { eye, linalg, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const { status } = linalg.cgSolution(eye(2), ones([2]));
 * assertEquals(status, linalg.STATUSES[0]);
 * ```
 */
export const STATUSES: readonly Status[] = [
  "converged",
  "maxiter",
  "stagnated",
  "breakdown",
  "not finite",
];

/** The same facts as tensors, as functions that are traced need them. */
export interface SolutionTensors {
  /** Number of iterations, int32. */
  readonly iterations: Tensor;
  /** Norm of the residual at the value. */
  readonly residual: Tensor;
  /** Place in {@linkcode STATUSES}, int32. */
  readonly status: Tensor;
}

/**
 * The result of a solver and how good it is.
 *
 * `iterations`, `residual` and `status` read values, which runs the solver; inside of `compile()` and
 * `vmap()` use `tensors`. A solution is a node of trees: `vmap()` of a function that returns one gives
 * one with a batch in each of its tensors.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const A = tensor([[2, 1], [1, 3]], { dtype: "float64" });
 * const { value, status, iterations } = linalg.cgSolution(A, tensor([3, 4], { dtype: "float64" }));
 * assertEquals([...value.data()].map((x) => Math.round(Number(x))), [1, 1]);
 * assertEquals([status, iterations], ["converged", 2]);
 * ```
 */
export class Solution<T = Tensor> {
  /** The value that was found. */
  readonly value: T;
  /** Iterations, residual and status as tensors. */
  readonly tensors: SolutionTensors;

  /** @ignore Solvers make them. */
  constructor(value: T, tensors: SolutionTensors) {
    this.value = value;
    this.tensors = tensors;
  }

  /** Number of iterations that were made. */
  get iterations(): number {
    return this.read("iterations", this.tensors.iterations);
  }

  /** Norm of the residual at the value. */
  get residual(): number {
    return this.read("residual", this.tensors.residual);
  }

  /** How the solver ended. */
  get status(): Status {
    return STATUSES[this.read("status", this.tensors.status)];
  }

  /** How the solver ended for each example of a batch, in a flat array. */
  get statuses(): Status[] {
    this.#compute();
    return [...this.tensors.status.data()].map((code) => STATUSES[Number(code)]);
  }

  /** Computes all of it in one run: the solver would run once for each part that is read. */
  #compute(): void {
    forbidInTrace("reading a Solution");
    realize([this.value, this.tensors] as PyTree<Tensor>);
  }

  /** @ignore One of its numbers. */
  protected read(name: string, all: Tensor): number {
    this.#compute();
    if (all.size === 1) return all.item();
    throw new TypeError(
      `Solution: ${name} differs by example in this batch of ${all.size}; read ` +
        `${name === "status" ? "statuses" : `tensors.${name}`}.`,
    );
  }
}

register<Solution<unknown>>(Solution, {
  flatten: ({ value, tensors }) => ({ children: [value, tensors], names: ["value", "tensors"] }),
  unflatten: ([value, tensors]) => new Solution(value, tensors as SolutionTensors),
});
