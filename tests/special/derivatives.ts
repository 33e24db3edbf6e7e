/**
 * A function of columns with its derivatives, for comparison with stored tables.
 *
 * @module
 */

import { autograd, type Tensor, tensor, zerosLike } from "@torchopt/torchopt";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels } from "../helpers/needs.ts";
import type { Columns } from "./functions.ts";

/** Element types of the tables. */
export type Width = "float32" | "float64";

/** Values at some points: `at[k][i]` is entry `k` (value, gradient, Hessian) at point `i`. */
export interface Computed {
  /** Whether the native kernels computed them. */
  readonly ops: boolean;
  readonly at: readonly ArrayLike<number>[];
}

function gradients(y: Tensor | null, xs: readonly Tensor[]): (Tensor | null)[] {
  if (y === null || !y.requiresGrad) return xs.map(() => null);
  return autograd.grad(y.sum(), [...xs], { createGraph: true, allowUnused: true });
}

/**
 * The value of `fn`, its gradient and its Hessian (whole, row by row) at each point, computed with the
 * native kernels where they are there, and without.
 */
export function derivatives(
  fn: Columns,
  points: readonly (readonly number[])[],
  dtype: Width,
): Computed[] {
  const xs = points[0].map((_, k) =>
    tensor(points.map((p) => p[k]), { dtype, requiresGrad: true })
  );
  const y = fn(...xs), gradient = gradients(y, xs);
  const hessian = gradient.flatMap((g) => gradients(g, xs));
  const nodes = [y, ...gradient, ...hessian].map((t) => (t ?? zerosLike(y)).node);
  const modes = kernels.met ? [true, false] : [false];
  return modes.map((ops) => ({ ops, at: evaluate(nodes, ops) as Float64Array[] }));
}
