/**
 * Activations, dropout and pooling as modules.
 *
 * @module
 */

import type { GeluApproximation } from "../../tensor/formulas/activation.ts";
import type { Generator } from "../../tensor/random/philox.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import {
  avgPool2d,
  type AvgPoolOptions,
  maxPool2d,
  type MaxPoolOptions,
  type PerDimension,
} from "../functional.ts";
import { dropout } from "../functional.ts";
import { Module } from "../module.ts";
import { checkNames, describe } from "../../tensor/describe.ts";
import { AVG_POOL, MAX_POOL } from "../functional/names.ts";

/**
 * `max(x, 0)`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.ReLU().call(tensor([-1, 2])).toArray(), [0, 2]);
 * ```
 */
export class ReLU extends Module {
  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.relu();
  }
}

/**
 * `x` above zero, `negativeSlope * x` (default 0.01) below.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.LeakyReLU(0.5).call(tensor([-1, 2])).toArray(), [-0.5, 2]);
 * ```
 */
export class LeakyReLU extends Module {
  /** Slope below zero. */
  constructor(readonly negativeSlope = 0.01) {
    super();
  }

  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.leakyRelu(this.negativeSlope);
  }
}

/**
 * `x` above zero, `alpha * (exp(x) - 1)` below (default alpha 1; Clevert et al., 2016).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.ELU().call(tensor([0, 2])).toArray(), [0, 2]);
 * ```
 */
export class ELU extends Module {
  /** Limit below zero. */
  constructor(readonly alpha = 1) {
    super();
  }

  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.elu(this.alpha);
  }
}

/**
 * `x * Φ(x)` (Hendrycks & Gimpel, Gaussian Error Linear Units, 2016).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.GELU().call(tensor([0])).toArray(), [0]);
 * ```
 */
export class GELU extends Module {
  /** How Φ is computed: "none" (exactly, the default) or "tanh". */
  constructor(readonly approximate: GeluApproximation = "none") {
    super();
  }

  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.gelu({ approximate: this.approximate });
  }
}

/**
 * `x * sigmoid(x)`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.SiLU().call(tensor([0])).toArray(), [0]);
 * ```
 */
export class SiLU extends Module {
  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.silu();
  }
}

/**
 * The hyperbolic tangent.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.Tanh().call(tensor([0])).toArray(), [0]);
 * ```
 */
export class Tanh extends Module {
  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.tanh();
  }
}

/**
 * `1 / (1 + exp(-x))`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.Sigmoid().call(tensor([0])).toArray(), [0.5]);
 * ```
 */
export class Sigmoid extends Module {
  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}

/**
 * `log(1 + exp(beta * x)) / beta` (default beta 1), `x` where `beta * x` exceeds the threshold
 * (default 20).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.Softplus().call(tensor([30])).toArray(), [30]);
 * ```
 */
export class Softplus extends Module {
  /** Sharpness, and where it becomes linear. */
  constructor(readonly beta = 1, readonly threshold = 20) {
    super();
  }

  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return x.softplus({ beta: this.beta, threshold: this.threshold });
  }
}

/**
 * Exponentials divided by their sum along `dim` (default the last).
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.Softmax().call(tensor([1, 1])).toArray(), [0.5, 0.5]);
 * ```
 */
export class Softmax extends Module {
  /** The dimension whose elements sum to 1. */
  constructor(readonly dim: number = -1) {
    super();
  }

  /** Along the dimension. */
  override forward(x: Tensor): Tensor {
    return x.softmax(this.dim);
  }
}

/**
 * Logarithms of `Softmax`, computed safely.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(new nn.LogSoftmax().call(tensor([1, 1])).exp().sum().item(), 1, 1e-6);
 * ```
 */
export class LogSoftmax extends Module {
  /** The dimension whose exponentials sum to 1. */
  constructor(readonly dim: number = -1) {
    super();
  }

  /** Along the dimension. */
  override forward(x: Tensor): Tensor {
    return x.logSoftmax(this.dim);
  }
}

/**
 * In training mode, each element becomes 0 with probability `p` (default 0.5), and the others grow by
 * 1 / (1 - p) (Srivastava et al., Dropout, 2014).
 *
 * @example
 * ```ts
 * import { nn, ones } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new nn.Dropout(0.5).eval().call(ones([2])).toArray(), [1, 1]);
 * ```
 */
export class Dropout extends Module {
  /** Source of the random numbers; undefined for the global one. */
  readonly generator: Generator | undefined;

  /** Probability of 0, and `generator` (default: the global one). */
  constructor(readonly p = 0.5, options: { readonly generator?: Generator } = {}) {
    super();
    checkNames("Dropout", options, ["generator"]);
    if (!(p >= 0 && p <= 1)) {
      throw new RangeError(`Dropout: p is ${describe(p)}, wants a number from 0 to 1.`);
    }
    this.generator = options.generator;
  }

  /** Elementwise. */
  override forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training, generator: this.generator });
  }
}

/**
 * Largest elements of windows of images `[N, C, H, W]`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * assertEquals(new nn.MaxPool2d(2).call(x).toArray(), [[[[4]]]]);
 * ```
 */
export class MaxPool2d extends Module {
  /** Size of the window, and the options of `functional.maxPool2d`. */
  constructor(readonly kernelSize: PerDimension, readonly options: MaxPoolOptions = {}) {
    super();
    checkNames("MaxPool2d", options, MAX_POOL);
  }

  /** Pools each channel. */
  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/**
 * Means of windows of images `[N, C, H, W]`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[[[1, 2], [3, 6]]]]);
 * assertEquals(new nn.AvgPool2d(2).call(x).toArray(), [[[[3]]]]);
 * ```
 */
export class AvgPool2d extends Module {
  /** Size of the window, and the options of `functional.avgPool2d`. */
  constructor(readonly kernelSize: PerDimension, readonly options: AvgPoolOptions = {}) {
    super();
    checkNames("AvgPool2d", options, AVG_POOL);
  }

  /** Pools each channel. */
  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
}
