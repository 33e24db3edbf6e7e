/**
 * Activation functions.
 *
 * @module
 */

import { ShapeError } from "../../graph/errors.ts";
import { numberNode } from "../../graph/leaf.ts";
import { normalizeAxis, showShape } from "../../graph/shape.ts";
import * as p from "../../primitives/elementwise.ts";
import { type GeluApproximation, leakyRelu as leaky } from "../../tensor/formulas/activation.ts";
import { reshape } from "../../primitives/movement.ts";
import { wrap } from "../../tensor/core.ts";
import { checkTensor, floating, meet } from "../../tensor/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkNames } from "../../tensor/describe.ts";

/**
 * The elements above 0, else 0; derivative 0 at 0.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.relu(tensor([-1, 2])).toArray(), [0, 2]);
 * ```
 */
export function relu(x: Tensor): Tensor {
  checkTensor("relu", "the operand", x);
  return x.relu();
}

/**
 * `relu` cut off at 6.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.relu6(tensor([-1, 2, 9])).toArray(), [0, 2, 6]);
 * ```
 */
export function relu6(x: Tensor): Tensor {
  checkTensor("relu6", "the operand", x);
  return hardtanh(x, { min: 0, max: 6 });
}

/**
 * The elements above 0, `negativeSlope` (default 0.01) times them below.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.leakyRelu(tensor([-2, 2]), 0.5).toArray(), [-1, 2]);
 * ```
 */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  checkTensor("leakyRelu", "the operand", x);
  return x.leakyRelu(negativeSlope);
}

/**
 * `leakyRelu` with a learned slope: one for all, or one for each channel (dimension 1).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.prelu(tensor([-2, 2]), tensor([0.25])).toArray(), [-0.5, 2]);
 * ```
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  checkTensor("prelu", "the operand", x);
  checkTensor("prelu", "the weight", weight);
  const channels = x.ndim > 1 ? x.shape[1] : 1;
  if (weight.ndim > 1 || (weight.size !== 1 && weight.size !== channels)) {
    throw new ShapeError(
      `prelu: got weight ${showShape(weight.shape)} for an input ${
        showShape(x.shape)
      }, wants one ` +
        `slope, or a vector of ${channels}, the size of dimension 1.`,
    );
  }
  const [a, w] = meet(floating(x), weight.node);
  const slope = weight.size === 1 ? [] : [channels, ...x.shape.slice(2).map(() => 1)];
  return wrap(leaky(a, reshape(w, slope)));
}

/**
 * The elements above 0, `alpha * (exp(x) - 1)` below (default alpha 1).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.elu(tensor([-1000, 2])).toArray(), [-1, 2]);
 * ```
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  checkTensor("elu", "the operand", x);
  return x.elu(alpha);
}

/**
 * `elu` with the constants that keep mean and variance (G. Klambauer et al., "Self-normalizing
 * neural networks", 2017).
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertAlmostEquals(nn.functional.selu(tensor(1)).item(), 1.0507, 1e-4);
 * ```
 */
export function selu(x: Tensor): Tensor {
  checkTensor("selu", "the operand", x);
  return x.elu(1.6732632423543772).mul(1.0507009873554805);
}

/**
 * Gaussian error linear unit, exact (`"none"`, default) or by the `"tanh"` approximation.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertAlmostEquals(nn.functional.gelu(tensor(1)).item(), 0.8413, 1e-4);
 * ```
 */
export function gelu(x: Tensor, options: { approximate?: GeluApproximation } = {}): Tensor {
  checkTensor("gelu", "the operand", x);
  checkNames("gelu", options, ["approximate"]);
  return x.gelu(options);
}

/**
 * `x * sigmoid(x)`, also called swish.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.silu(tensor(0)).item(), 0);
 * ```
 */
export function silu(x: Tensor): Tensor {
  checkTensor("silu", "the operand", x);
  return x.silu();
}

/**
 * `x * tanh(softplus(x))` (D. Misra, 2019).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.mish(tensor(0)).item(), 0);
 * ```
 */
export function mish(x: Tensor): Tensor {
  checkTensor("mish", "the operand", x);
  const y = floating(x);
  return wrap(p.mul(y, p.tanh(p.softplus(y))));
}

/**
 * `1 / (1 + exp(-x))`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.sigmoid(tensor(0)).item(), 0.5);
 * ```
 */
export function sigmoid(x: Tensor): Tensor {
  checkTensor("sigmoid", "the operand", x);
  return x.sigmoid();
}

/**
 * Logarithm of `sigmoid`, safe for large negative elements.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.logSigmoid(tensor(-1000)).item(), -1000);
 * ```
 */
export function logSigmoid(x: Tensor): Tensor {
  checkTensor("logSigmoid", "the operand", x);
  return x.logSigmoid();
}

/**
 * Hyperbolic tangent.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.tanh(tensor(0)).item(), 0);
 * ```
 */
export function tanh(x: Tensor): Tensor {
  checkTensor("tanh", "the operand", x);
  return x.tanh();
}

/**
 * `log(1 + exp(beta * x)) / beta`; above `threshold`, x itself (defaults 1 and 20).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.softplus(tensor(100)).item(), 100);
 * ```
 */
export function softplus(
  x: Tensor,
  options: { beta?: number; threshold?: number } = {},
): Tensor {
  checkTensor("softplus", "the operand", x);
  checkNames("softplus", options, ["beta", "threshold"]);
  return x.softplus(options);
}

/**
 * `x / (1 + |x|)`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.softsign(tensor(1)).item(), 0.5);
 * ```
 */
export function softsign(x: Tensor): Tensor {
  checkTensor("softsign", "the operand", x);
  return wrap(p.softsign(floating(x)));
}

/**
 * Elements cut off at `min` and `max` (default -1 and 1); derivative 0 at the bounds.
 *
 * @throws {RangeError} where `min` is above `max`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.hardtanh(tensor([-3, 0.5])).toArray(), [-1, 0.5]);
 * ```
 */
export function hardtanh(x: Tensor, options: { min?: number; max?: number } = {}): Tensor {
  checkTensor("hardtanh", "the operand", x);
  checkNames("hardtanh", options, ["min", "max"]);
  const { min = -1, max = 1 } = options;
  if (!(min <= max)) {
    throw new RangeError(`hardtanh: got min ${min} and max ${max}, wants min <= max.`);
  }
  const y = floating(x);
  const low = numberNode(min, y.dtype), high = numberNode(max, y.dtype);
  return wrap(p.where(p.le(y, low), low, p.where(p.le(high, y), high, y)));
}

/**
 * First half of a dimension times the sigmoid of the second half.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.glu(tensor([4, 0])).toArray(), [2]);
 * ```
 */
export function glu(x: Tensor, dim: number = -1): Tensor {
  checkTensor("glu", "the operand", x);
  const axis = normalizeAxis("glu", dim, x.ndim), size = x.shape[axis] ?? 1;
  if (size % 2 !== 0) {
    throw new ShapeError(
      `glu: dimension ${axis} of ${showShape(x.shape)} has ${size} element(s), wants an even ` +
        `number: the halves are multiplied.`,
    );
  }
  return x.narrow(axis, 0, size / 2).mul(x.narrow(axis, size / 2, size / 2).sigmoid());
}

/**
 * `exp(x)` divided by its sum along a dimension.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.softmax(tensor([0, 0]), 0).toArray(), [0.5, 0.5]);
 * ```
 */
export function softmax(x: Tensor, dim: number): Tensor {
  checkTensor("softmax", "the operand", x);
  return x.softmax(dim);
}

/**
 * Logarithm of `softmax`, accurate where that is tiny.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nn, tensor } from "@torchopt/torchopt";
 *
 * assertEquals(nn.functional.logSoftmax(tensor([0, -1000]), 0).toArray(), [0, -1000]);
 * ```
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  checkTensor("logSoftmax", "the operand", x);
  return x.logSoftmax(dim);
}
