/**
 * Minima that were found.
 *
 * @module
 */

import { Solution, type SolutionTensors } from "../linalg/iterative/solution.ts";
import { register } from "../pytree/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The facts of a minimum as tensors. */
export interface MinimumTensors extends SolutionTensors {
  /** Value of the function at the minimum. */
  readonly objective: Tensor;
  /** How often the function was evaluated, int32. */
  readonly evaluations: Tensor;
}

/**
 * A {@linkcode Solution} of a minimizer, with the value of the function.
 *
 * @example
 * ```ts
 * import { solvers, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x0 = tensor([1, 2], { dtype: "float64" });
 * const found = solvers.minimize((x: Tensor) => x.square().sum().add(5), x0);
 * assert(Math.abs(found.objective - 5) < 1e-12 && found.evaluations > 1);
 * ```
 */
export class Minimum<T = Tensor> extends Solution<T> {
  /** Iterations, residual, status, objective and evaluations as tensors. */
  declare readonly tensors: MinimumTensors;

  /** @ignore Solvers make them. */
  constructor(value: T, tensors: MinimumTensors) {
    super(value, tensors);
  }

  /** Value of the function at the minimum. */
  get objective(): number {
    return this.read("objective", this.tensors.objective);
  }

  /** How often the function was evaluated. */
  get evaluations(): number {
    return this.read("evaluations", this.tensors.evaluations);
  }
}

register<Minimum<unknown>>(Minimum, {
  flatten: ({ value, tensors }) => ({ children: [value, tensors], names: ["value", "tensors"] }),
  unflatten: ([value, tensors]) => new Minimum(value, tensors as MinimumTensors),
});
