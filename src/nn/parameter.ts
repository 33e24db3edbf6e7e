/**
 * Parameters: tensors that a module learns.
 *
 * @module
 */

import { GradientError } from "../graph/errors.ts";
import { isFloat } from "../graph/node.ts";
import { leafOf } from "../tensor/leaf.ts";
import { Tensor } from "../tensor/tensor.ts";
import { tensor, type TensorData } from "../tensor/creation.ts";
import { checkBoolean, checkNames } from "../tensor/describe.ts";

/** Options of `Parameter`. */
export interface ParameterOptions {
  /** Whether gradients are wanted (default true). A frozen parameter stays a parameter. */
  readonly requiresGrad?: boolean;
}

/**
 * A leaf tensor that a module learns.
 *
 * A {@linkcode Module} counts a tensor in one of its properties as a parameter if it is a
 * `Parameter` or another leaf that requires a gradient, or if a parameter was found in that place
 * before. So the plain, graph-connected tensors that a meta-optimizer writes back are parameters too,
 * and a parameter that is frozen later remains one.
 *
 * @example
 * ```ts
 * import { nn, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * class Scale extends nn.Module {
 *   factor: Tensor = new nn.Parameter([2, 3]);
 *   forward(x: Tensor): Tensor {
 *     return x.mul(this.factor);
 *   }
 * }
 * const scale = new Scale();
 * assert(scale.factor.requiresGrad);
 * assertEquals(scale.namedParameters().map(([name]) => name), ["factor"]);
 * assertEquals(scale.call(tensor([1, 1])).toArray(), [2, 3]);
 * ```
 */
export class Parameter extends Tensor {
  /**
   * Makes a leaf of its own.
   *
   * @param data values, or a tensor, whose memory is shared and whose history is left behind
   * @param options `requiresGrad` (default true)
   * @throws {GradientError} where the data is not floating point and gradients are wanted
   */
  constructor(data: TensorData, options: ParameterOptions = {}) {
    checkNames("Parameter", options, ["requiresGrad"]);
    const { requiresGrad = true } = options;
    checkBoolean("Parameter: requiresGrad", requiresGrad);
    const { node } = data instanceof Tensor ? data : tensor(data);
    if (requiresGrad && !isFloat(node.dtype)) {
      throw new GradientError(
        `Parameter: got ${node.dtype}; only floating-point tensors have gradients. Convert it, or ` +
          `pass requiresGrad: false.`,
      );
    }
    super(leafOf(node, requiresGrad ? { grad: null } : null));
  }
}
