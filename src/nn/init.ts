/**
 * Initialisation of parameters. All functions change a tensor in place and return it.
 *
 * @module
 */

import { withGrad } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { ShapeError } from "../graph/errors.ts";
import { normal, tensor, uniform } from "../tensor/creation.ts";
import { checkRepresentable } from "../tensor/integer_range.ts";
import type { Generator } from "../tensor/random/philox.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkTensor } from "../tensor/promotion.ts";
import { checkNames, checkNumber } from "../tensor/describe.ts";

/** Nonlinearities with a known gain. */
export type Nonlinearity =
  | "linear"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leakyRelu"
  | "selu";

/** Options of random initialisation. */
export interface InitOptions {
  /** Source of the numbers (default: the global one). */
  readonly generator?: Generator;
}

/** Options of `xavierUniform_` and `xavierNormal_`. */
export interface XavierOptions extends InitOptions {
  /** Factor for the nonlinearity that follows (default 1). */
  readonly gain?: number;
}

/** Options of `kaimingUniform_` and `kaimingNormal_`. */
export interface KaimingOptions extends InitOptions {
  /** Slope of the leaky ReLU below zero (default 0). */
  readonly a?: number;
  /** Whether variances are kept forward ("fanIn", the default) or backward ("fanOut"). */
  readonly mode?: "fanIn" | "fanOut";
  /** The nonlinearity that follows (default "leakyRelu"). */
  readonly nonlinearity?: Nonlinearity;
}

function fill(op: string, x: Tensor, values: Tensor): Tensor {
  return withGrad(false, () => x.assign(op, values.node));
}

/**
 * Uniform numbers from [low, high) (default [0, 1)).
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const x = nn.init.uniform_(zeros([100]), { low: 2, high: 3 });
 * assert(x.min().item() >= 2 && x.max().item() <= 3);
 * ```
 */
export function uniform_(
  x: Tensor,
  options: InitOptions & { readonly low?: number; readonly high?: number } = {},
): Tensor {
  checkTensor("uniform_", "the operand", x);
  checkNames("uniform_", options, ["generator", "low", "high"]);
  const { low = 0, high = 1, generator } = options;
  const { dtype, device } = x;
  return fill("uniform_", x, uniform(x.shape, { low, high, generator, dtype, device }));
}

/**
 * Numbers of a normal distribution (default mean 0, standard deviation 1).
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nn.init.normal_(zeros([2]), { mean: 4, std: 0 }).toArray(), [4, 4]);
 * ```
 */
export function normal_(
  x: Tensor,
  options: InitOptions & { readonly mean?: number; readonly std?: number } = {},
): Tensor {
  checkTensor("normal_", "the operand", x);
  checkNames("normal_", options, ["generator", "mean", "std"]);
  const { mean = 0, std = 1, generator } = options;
  const { dtype, device } = x;
  return fill("normal_", x, normal(x.shape, { mean, std, generator, dtype, device }));
}

/**
 * One value everywhere.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nn.init.constant_(zeros([2]), 5).toArray(), [5, 5]);
 * ```
 */
export function constant_(x: Tensor, value: number): Tensor {
  checkTensor("constant_", "the operand", x);
  checkNumber("constant_", "value", value);
  const { shape, dtype, device } = x;
  checkRepresentable("constant_", value, dtype);
  const data = new Float64Array(x.size).fill(value);
  return fill("constant_", x, tensor(data, { shape, dtype, device }));
}

/**
 * Zeros everywhere.
 *
 * @example
 * ```ts
 * import { nn, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nn.init.zeros_(ones([2])).toArray(), [0, 0]);
 * ```
 */
export function zeros_(x: Tensor): Tensor {
  return constant_(x, 0);
}

/**
 * Ones everywhere.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nn.init.ones_(zeros([2])).toArray(), [1, 1]);
 * ```
 */
export function ones_(x: Tensor): Tensor {
  return constant_(x, 1);
}

/**
 * Numbers of inputs and outputs of a weight `[out, in, ...kernel]`.
 *
 * @throws {ShapeError} where there are fewer than two dimensions
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nn.init.calculateFan(zeros([8, 3, 5, 5])), { fanIn: 75, fanOut: 200 });
 * ```
 */
export function calculateFan(x: Tensor): { fanIn: number; fanOut: number } {
  checkTensor("calculateFan", "the operand", x);
  const [outputs, inputs, ...kernel] = x.shape;
  if (inputs === undefined) {
    throw new ShapeError(
      `init: got a tensor of shape ${showShape(x.shape)}, wants a weight [out, in, ...kernel].`,
    );
  }
  const field = kernel.reduce((a, b) => a * b, 1);
  return { fanIn: inputs * field, fanOut: outputs * field };
}

/**
 * The factor by which a nonlinearity shrinks standard deviations, inverted.
 *
 * @param nonlinearity its name
 * @param slope slope of the leaky ReLU below zero (default 0.01)
 *
 * @example
 * ```ts
 * import { nn } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nn.init.calculateGain("relu"), Math.SQRT2);
 * ```
 */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case "linear":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + slope ** 2));
    case "selu":
      return 3 / 4;
    default:
      throw new RangeError(
        `init: unknown nonlinearity ${nonlinearity}; wants linear, sigmoid, tanh, relu, leakyRelu ` +
          `or selu.`,
      );
  }
}

function xavierStd(x: Tensor, gain: number): number {
  const { fanIn, fanOut } = calculateFan(x);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

function kaimingStd(x: Tensor, { a = 0, mode = "fanIn", nonlinearity }: KaimingOptions): number {
  if (mode !== "fanIn" && mode !== "fanOut") {
    throw new RangeError(`init: got mode ${mode}, wants "fanIn" or "fanOut".`);
  }
  return calculateGain(nonlinearity ?? "leakyRelu", a) / Math.sqrt(calculateFan(x)[mode]);
}

/**
 * Uniform numbers that keep variances forward and backward (Glorot & Bengio, Understanding the
 * difficulty of training deep feedforward neural networks, 2010).
 *
 * @throws {ShapeError} where there are fewer than two dimensions
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = nn.init.xavierUniform_(zeros([2, 4]));
 * assert(w.abs().max().item() <= 1);
 * ```
 */
export function xavierUniform_(x: Tensor, options: XavierOptions = {}): Tensor {
  checkTensor("xavierUniform_", "the operand", x);
  checkNames("xavierUniform_", options, ["gain", "generator"]);
  const { gain = 1, generator } = options;
  const bound = Math.sqrt(3) * xavierStd(x, gain);
  return uniform_(x, { low: -bound, high: bound, generator });
}

/**
 * Normal numbers that keep variances forward and backward; see `xavierUniform_`.
 *
 * @throws {ShapeError} where there are fewer than two dimensions
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = nn.init.xavierNormal_(zeros([100, 100]));
 * assert(Math.abs(w.std().item() - 0.1) < 0.01); // sqrt(2 / (100 + 100))
 * ```
 */
export function xavierNormal_(x: Tensor, options: XavierOptions = {}): Tensor {
  checkTensor("xavierNormal_", "the operand", x);
  checkNames("xavierNormal_", options, ["gain", "generator"]);
  const { gain = 1, generator } = options;
  return normal_(x, { std: xavierStd(x, gain), generator });
}

/**
 * Uniform numbers that keep variances through rectifiers (He et al., Delving Deep into Rectifiers,
 * 2015).
 *
 * @throws {ShapeError} where there are fewer than two dimensions
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = nn.init.kaimingUniform_(zeros([5, 6]), { nonlinearity: "relu" });
 * assert(w.abs().max().item() <= 1);
 * ```
 */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  checkTensor("kaimingUniform_", "the operand", x);
  checkNames("kaimingUniform_", options, ["a", "mode", "nonlinearity", "generator"]);
  const bound = Math.sqrt(3) * kaimingStd(x, options);
  return uniform_(x, { low: -bound, high: bound, generator: options.generator });
}

/**
 * Normal numbers that keep variances through rectifiers; see `kaimingUniform_`.
 *
 * @throws {ShapeError} where there are fewer than two dimensions
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * const w = nn.init.kaimingNormal_(zeros([100, 200]), { nonlinearity: "relu" });
 * assert(Math.abs(w.std().item() - 0.1) < 0.01); // sqrt(2 / 200)
 * ```
 */
export function kaimingNormal_(x: Tensor, options: KaimingOptions = {}): Tensor {
  checkTensor("kaimingNormal_", "the operand", x);
  checkNames("kaimingNormal_", options, ["a", "mode", "nonlinearity", "generator"]);
  return normal_(x, { std: kaimingStd(x, options), generator: options.generator });
}
