/**
 * The graph of operations through which gradients flow, as a picture.
 *
 * @module
 */

import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { describe, withDefaults } from "../transform/options.ts";
import { Dot } from "./dot.ts";
import type { NamedTensors } from "./names.ts";
import { stagesOf } from "./stages.ts";
import { scene } from "./scene.ts";
import { writeDot } from "./write_dot.ts";

/** Options of {@linkcode makeDot}. */
export interface MakeDotOptions {
  /**
   * Names. In a list each entry is one moment of the computation, in order: the initial parameters
   * and meta-parameters, then the state after each optimizer step. What leads from one moment to the
   * next is drawn in a frame of its own.
   */
  readonly params?: NamedTensors | null;
  /** Whether operations show their static arguments (default false). */
  readonly showAttrs?: boolean;
  /** Whether operands that no gradient passes to, such as data, are shown (default false). */
  readonly showSaved?: boolean;
  /** How many characters of an argument are shown (default 50). */
  readonly maxAttrChars?: number;
  /** Whether all that leads from one moment to the next is drawn as a single node (default false). */
  readonly fuseSteps?: boolean;
}

/**
 * Draws the operations through which gradients flow from `outputs` to the leaves, in Graphviz's DOT
 * language.
 *
 * Blue: leaves, and tensors that `params` names. Green: the outputs; darker green: what an output is a
 * view of. Grey: operations. Orange: operands without gradients, with `showSaved`. Arrows point from
 * operands to results.
 *
 * @param outputs one tensor or several that require gradients
 * @param options names and what to show
 * @returns the graph: `source`, `toSvg()`, `save(path)`
 * @throws {TypeError} where `outputs` or `params` hold something else than tensors
 * @throws {RangeError} where `maxAttrChars` is not a whole number of at least 3
 *
 * @example
 * ```ts
 * import { makeDot } from "@torchopt/torchopt/visual";
 * import { autograd, tensor } from "@torchopt/torchopt";
 * import { assert, assertStringIncludes } from "@std/assert";
 *
 * const lr = tensor(0.1, { requiresGrad: true });
 * const w = tensor([1, 2], { requiresGrad: true });
 * const [g] = autograd.grad(w.square().sum(), [w], { createGraph: true });
 * const stepped = w.sub(g!.mul(lr));
 * const dot = makeDot(stepped.sum(), { params: [{ w, lr }, { "step1.w": stepped }] });
 * assertStringIncludes(dot.source, "step1.w");
 * assert((await dot.toSvg()).includes("<svg"));
 * ```
 */
export function makeDot(outputs: Tensor | readonly Tensor[], options: MakeDotOptions = {}): Dot {
  const { params, showAttrs, showSaved, maxAttrChars, fuseSteps } = withDefaults<MakeDotOptions>(
    "makeDot",
    {
      params: null,
      showAttrs: false,
      showSaved: false,
      maxAttrChars: 50,
      fuseSteps: false,
    },
    options,
  );
  if (!Number.isInteger(maxAttrChars) || maxAttrChars < 3) {
    throw new RangeError(
      `makeDot: got maxAttrChars ${maxAttrChars}, wants a whole number of at least 3.`,
    );
  }
  const roots = (Array.isArray(outputs) ? outputs : [outputs]) as readonly Tensor[];
  roots.forEach((root, i) => {
    if (root instanceof TensorCore) return;
    throw new TypeError(`makeDot: output ${i} is ${describe(root)}, wants a tensor.`);
  });
  const drawn = scene(roots.map((t) => t.node), stagesOf(params), {
    showAttrs,
    showSaved,
    maxAttrChars,
    fuseSteps,
  });
  return new Dot(writeDot(drawn));
}
