/**
 * Clipping gradients.
 *
 * @module
 */

import type { EmptyState, GradientTransformation } from "./base.ts";
import { gradientTransformation } from "./combine.ts";
import { constantNode, numberNode } from "./graph/leaf.ts";
import { type Node, withGrad } from "./graph/node.ts";
import {
  abs,
  add,
  cast,
  div,
  eq,
  logicalNot,
  maximum,
  minimum,
  mul,
  num,
  pow,
  sqrt,
} from "./primitives/elementwise.ts";
import { amax, amin, sum } from "./primitives/reduce.ts";
import { treeUnflatten } from "./pytree/mod.ts";
import { wrap } from "./tensor/core.ts";
import type { Tensor } from "./tensor/tensor.ts";
import { currentTrace } from "./tensor/trace.ts";
import { checkNonNegative, describe, withDefaults } from "./transform/options.ts";
import { takeUpdates } from "./transform/trees.ts";

/** Options of `clipGradNorm`. */
export interface ClipGradNormOptions {
  /** Order of the norm: any number, `Infinity` or `"inf"` for the largest magnitude (default 2). */
  readonly normType?: number | "inf";
  /** Whether a norm that is not finite is an error (default false). This reads the norm. */
  readonly errorIfNonfinite?: boolean;
}

/** A norm: what each tensor adds, how two parts join, and the end. */
interface Norm {
  /** Whether powers of the elements leave the range of float32 early. */
  readonly wide?: boolean;
  readonly part: (magnitudes: Node, axes: readonly number[]) => Node;
  readonly join: (a: Node, b: Node) => Node;
  readonly end: (total: Node) => Node;
}

const nonzero = (x: Node) => cast(logicalNot(eq(x, num(0, x))), x.dtype);

function normOf(order: number): Norm {
  const same = (x: Node) => x;
  const total = (x: Node, axes: readonly number[]) => sum(x, axes, false);
  switch (order) {
    case Infinity:
      return { part: (x, axes) => amax(x, axes, false), join: maximum, end: same };
    case -Infinity:
      return { part: (x, axes) => amin(x, axes, false), join: minimum, end: same };
    case 0:
      // The norm of the norms: the number of tensors that are not all zero.
      return { part: (x, axes) => nonzero(total(nonzero(x), axes)), join: add, end: same };
    case 1:
      return { part: total, join: add, end: same };
    case 2:
      return { part: (x, axes) => total(mul(x, x), axes), join: add, end: sqrt };
    default:
      return {
        wide: true,
        part: (x, axes) => total(pow(x, numberNode(order, x.dtype)), axes),
        join: add,
        end: (x) => pow(x, numberNode(1 / order, x.dtype)),
      };
  }
}

/** The norm of all tensors together, in float64. */
function totalNorm(tensors: readonly Tensor[], order: number): Node {
  const { wide, part, join, end } = normOf(order);
  const parts = tensors.map(({ node }) => {
    // The square of 300 is infinite in float16, the tenth power of 10000 in float32.
    const x = wide
      ? cast(node, "float64")
      : node.dtype === "float16"
      ? cast(node, "float32")
      : node;
    return cast(part(abs(x), node.shape.map((_, axis) => axis)), "float64");
  });
  return end(parts.reduce(join));
}

/**
 * Scales all updates down together where their norm is above `maxNorm`: by
 * `min(maxNorm / (norm + 1e-6), 1)`, which counts as a constant in differentiation (Pascanu et al., On
 * the difficulty of training recurrent neural networks, 2013).
 *
 * A norm of NaN makes all updates NaN; an infinite one makes finite updates 0.
 *
 * @param maxNorm largest norm of all updates taken together
 * @param options `normType` (default 2), `errorIfNonfinite` (default false)
 * @returns the transformation; its state is empty
 * @throws {RangeError} where `maxNorm` is negative or, with `errorIfNonfinite`, the norm is not finite
 * @throws {TypeError} with `errorIfNonfinite` inside `compile()`, where values are not known
 *
 * @example
 * ```ts
 * import { clipGradNorm, tensor } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const grads = [tensor([3]), tensor([4])];
 * const clip = clipGradNorm(1);
 * const [[a, b]] = clip.update(grads, clip.init(grads));
 * assert(a.allclose(tensor([0.6])) && b.allclose(tensor([0.8])));
 * ```
 */
export function clipGradNorm(
  maxNorm: number,
  options: ClipGradNormOptions = {},
): GradientTransformation<EmptyState> {
  const { normType, errorIfNonfinite } = withDefaults<ClipGradNormOptions>("clipGradNorm", {
    normType: 2,
    errorIfNonfinite: false,
  }, options);
  checkNonNegative("clipGradNorm", { maxNorm });
  const order = normType === "inf" ? Infinity : normType;
  if (typeof order !== "number" || Number.isNaN(order)) {
    throw new TypeError(
      `clipGradNorm: normType is ${describe(normType)}, wants a number, Infinity or "inf".`,
    );
  }
  return gradientTransformation<EmptyState>({
    init: () => ({}),
    update(updates, state, { inplace = true }) {
      const { leaves, def } = takeUpdates("clipGradNorm", updates);
      const tensors = leaves.filter((leaf): leaf is Tensor => leaf !== null && leaf.size > 0);
      if (tensors.length === 0) return [updates, state];
      const factor = withGrad(false, () => {
        const norm = totalNorm(tensors, order), n = (value: number) => numberNode(value, "float64");
        if (errorIfNonfinite) checkNorm(norm, normType);
        return minimum(div(n(maxNorm), add(norm, n(1e-6))), constantNode(1, "float64"));
      });
      const scaled = () =>
        leaves.map((leaf) => leaf === null ? null : wrap(mul(leaf.node, cast(factor, leaf.dtype))));
      return [treeUnflatten(def, inplace ? withGrad(false, scaled) : scaled()), state];
    },
  });
}

function checkNorm(norm: Node, normType: number | "inf"): void {
  if (currentTrace() !== null) {
    throw new TypeError(
      "clipGradNorm: errorIfNonfinite reads the norm, which is not known inside compile(); leave " +
        "it out there, and check the gradients outside.",
    );
  }
  const value = wrap(norm).item();
  if (Number.isFinite(value)) return;
  throw new RangeError(
    `clipGradNorm: the norm of order ${normType} of the updates is ${value}, wants a finite number; ` +
      `leave errorIfNonfinite out to go on with such gradients, or put nanToNum() before the clip.`,
  );
}
