/**
 * Checking derivatives against finite differences.
 *
 * @module
 */

import { GradientError } from "../graph/errors.ts";
import { showShape } from "../graph/shape.ts";
import { checkFunction, checkNames, describe } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";
import { tensor } from "../tensor/creation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { grad } from "./grad.ts";

/** Options of `gradcheck`. */
export interface GradcheckOptions {
  /** Orders that are checked: 1, or 2 for second derivatives as well (default 1). */
  readonly order?: 1 | 2;
  /** Step of the central difference (default 1e-5). */
  readonly eps?: number;
  /** Relative tolerance (default 1e-6; times 100 for the second order). */
  readonly rtol?: number;
  /** Absolute tolerance (default 1e-7; times 100 for the second order). */
  readonly atol?: number;
}

/** Fixed weights, so that a check of a tensor is a check of a scalar, and repeatable. */
function weights(n: number, seed: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + seed) + 0.3);
}

function weighted(outputs: readonly Tensor[]): Tensor {
  return outputs.map((o, k) =>
    o.mul(tensor(weights(o.size, 0.5 + k), { shape: o.shape, dtype: o.dtype, device: o.device }))
      .sum()
  ).reduce((a, b) => a.add(b));
}

function compare(
  order: number,
  f: (xs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  { eps, rtol, atol }: { eps: number; rtol: number; atol: number },
): void {
  const values = inputs.map((x) => Float64Array.from(x.data() as Float64Array));
  const make = () =>
    values.map((v, k) => {
      const { shape, device } = inputs[k];
      return tensor(v, { shape, dtype: "float64", device, requiresGrad: true });
    });
  const xs = make();
  const grads = grad(f(xs), xs, { allowUnused: true });
  inputs.forEach((x, k) => {
    const analytic = grads[k]?.data() ?? new Float64Array(x.size);
    for (let i = 0; i < x.size; i++) {
      const at = (delta: number) => {
        const kept = values[k][i];
        values[k][i] = kept + delta;
        const y = f(make()).item();
        values[k][i] = kept;
        return y;
      };
      const numeric = (at(eps) - at(-eps)) / (2 * eps);
      const got = Number(analytic[i]);
      if (!(Math.abs(got - numeric) <= atol + rtol * Math.abs(numeric))) {
        throw new GradientError(
          `gradcheck: derivative of order ${order} with respect to element ${i} of input ${k} ` +
            `(shape ${showShape(x.shape)}) is ${got}, finite differences give ${numeric} ` +
            `(eps ${eps}, rtol ${rtol}, atol ${atol}). Usual causes: a wrong rule, a kink near ` +
            `the point, or an eps that does not fit the scale of the function.`,
        );
      }
    }
  });
}

/**
 * Compares the derivatives of `fn` with central differences in float64.
 *
 * @param fn a function of tensors that returns a tensor or an array of tensors
 * @param inputs float64 tensors at which to check
 * @returns true; a mismatch is a GradientError that names input, element, got and wanted
 *
 * @example
 * ```ts
 * import { gradcheck, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x = tensor([0.3, -0.7], { dtype: "float64" });
 * assert(gradcheck((x) => x.tanh(), [x], { order: 2 }));
 * ```
 */
export function gradcheck(
  fn: (...xs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  checkFunction("gradcheck", fn);
  checkNames("gradcheck", options, ["order", "eps", "rtol", "atol"]);
  const { order = 1, eps = 1e-5, rtol = 1e-6, atol = 1e-7 } = options;
  if (!Array.isArray(inputs)) {
    throw new TypeError(`gradcheck: inputs is ${describe(inputs)}, wants an array of tensors.`);
  }
  for (const [k, x] of inputs.entries()) {
    checkTensor("gradcheck", `input ${k}`, x);
    if (x.dtype !== "float64") {
      throw new TypeError(
        `gradcheck: input ${k} is ${x.dtype}; finite differences need float64: x.to("float64").`,
      );
    }
  }
  const list = (y: Tensor | readonly Tensor[]) => (Array.isArray(y) ? y : [y]) as Tensor[];
  const first = (xs: Tensor[]) => weighted(list(fn(...xs)));
  compare(1, first, inputs, { eps, rtol, atol });
  if (order === 2) {
    const second = (xs: Tensor[]) => {
      const grads = grad(first(xs), xs, { createGraph: true, allowUnused: true });
      const used = grads.filter((g): g is Tensor => g !== null && g.requiresGrad);
      // A function with constant derivatives: any recorded zero will do.
      return used.length === 0 ? xs[0].mul(0).sum() : weighted(used);
    };
    compare(2, second, inputs, { eps, rtol: rtol * 100, atol: atol * 100 });
  }
  return true;
}
