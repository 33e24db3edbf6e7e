/**
 * Methods of tensors: elementary functions, activations, comparisons and choices.
 *
 * @module
 */

import * as p from "../../primitives/elementwise.ts";
import { numberNode } from "../../graph/leaf.ts";
import * as activation from "../formulas/activation.ts";
import { type TensorLike, wrap } from "../core.ts";
import { ArithmeticMethods } from "./arithmetic.ts";
import { floatOf, floatPairOf } from "./operands.ts";
import type { Tensor } from "../tensor.ts";
import { checkNames, checkNumber } from "../describe.ts";

/**
 * Functions of single elements. Whole numbers are converted to the default dtype first.
 *
 * @example
 * ```ts
 * import { tensor } from "@torchopt/torchopt";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const x = tensor([0.25, 0.5]);
 * assertEquals(x.mul(10).ceil().toArray(), [3, 5]);
 * assertEquals(x.mul(-10).trunc().toArray(), [-2, -5]);
 * assertEquals(x.mul(10).frac().toArray(), [0.5, 0]);
 * // Each function and its inverse.
 * assert(x.expm1().log1p().allclose(x) && x.exp2().log2().allclose(x));
 * assert(x.log10().mul(Math.LN10).exp().allclose(x));
 * assert(x.sin().asin().allclose(x) && x.cos().acos().allclose(x));
 * assert(x.tan().atan().allclose(x) && x.sin().atan2(x.cos()).allclose(x));
 * assert(x.sinh().asinh().allclose(x) && x.cosh().acosh().allclose(x));
 * assert(x.tanh().atanh().allclose(x) && x.logit().sigmoid().allclose(x));
 * assert(x.erf().erfinv().allclose(x) && x.erf().add(x.erfc()).allclose(tensor([1, 1])));
 * ```
 */
export abstract class ElementwiseMethods extends ArithmeticMethods {
  /** e to the power of the elements. */
  exp(): Tensor {
    return wrap(p.exp(floatOf(this)));
  }

  /** `exp(this) - 1`, accurate near 0. */
  expm1(): Tensor {
    return wrap(p.expm1(floatOf(this)));
  }

  /** 2 to the power of the elements. */
  exp2(): Tensor {
    const x = floatOf(this);
    // Not exp(x ln 2), which rounds the whole exponent.
    return wrap(p.pow(p.num(2, x), x));
  }

  /** Natural logarithms. */
  log(): Tensor {
    return wrap(p.log(floatOf(this)));
  }

  /** `log(1 + this)`, accurate near 0. */
  log1p(): Tensor {
    return wrap(p.log1p(floatOf(this)));
  }

  /** Logarithms to base 2. */
  log2(): Tensor {
    const x = floatOf(this);
    return wrap(p.div(p.log(x), p.num(Math.LN2, x)));
  }

  /** Logarithms to base 10. */
  log10(): Tensor {
    const x = floatOf(this);
    return wrap(p.div(p.log(x), p.num(Math.LN10, x)));
  }

  /** Sines of angles in radians. */
  sin(): Tensor {
    return wrap(p.sin(floatOf(this)));
  }

  /** Cosines of angles in radians. */
  cos(): Tensor {
    return wrap(p.cos(floatOf(this)));
  }

  /** Tangents of angles in radians. */
  tan(): Tensor {
    return wrap(p.tan(floatOf(this)));
  }

  /** Arc sines; NaN outside [-1, 1]. */
  asin(): Tensor {
    return wrap(p.asin(floatOf(this)));
  }

  /** Arc cosines; NaN outside [-1, 1]. */
  acos(): Tensor {
    return wrap(p.acos(floatOf(this)));
  }

  /** Arc tangents. */
  atan(): Tensor {
    return wrap(p.atan(floatOf(this)));
  }

  /** Angles of the points (`x`, `this`), from -π to π. */
  atan2(x: TensorLike): Tensor {
    const [a, b] = floatPairOf(this, x);
    return wrap(p.atan2(a, b));
  }

  /** Hyperbolic sines. */
  sinh(): Tensor {
    return wrap(p.sinh(floatOf(this)));
  }

  /** Hyperbolic cosines. */
  cosh(): Tensor {
    return wrap(p.cosh(floatOf(this)));
  }

  /** Hyperbolic tangents. */
  tanh(): Tensor {
    return wrap(p.tanh(floatOf(this)));
  }

  /** Inverse hyperbolic sines. */
  asinh(): Tensor {
    return wrap(p.asinh(floatOf(this)));
  }

  /** Inverse hyperbolic cosines; NaN below 1. */
  acosh(): Tensor {
    return wrap(p.acosh(floatOf(this)));
  }

  /** Inverse hyperbolic tangents; NaN outside [-1, 1]. */
  atanh(): Tensor {
    return wrap(p.atanh(floatOf(this)));
  }

  /** Error function. */
  erf(): Tensor {
    return wrap(p.erf(floatOf(this)));
  }

  /** `1 - erf(this)`, accurate where that is tiny. */
  erfc(): Tensor {
    return wrap(p.erfc(floatOf(this)));
  }

  /** Inverse of the error function; infinite at 1 and -1, NaN beyond. */
  erfinv(): Tensor {
    return wrap(p.erfinv(floatOf(this)));
  }

  // -------------------------------------------------------------- activations

  /** `1 / (1 + exp(-this))` */
  sigmoid(): Tensor {
    return wrap(p.sigmoid(floatOf(this)));
  }

  /** `log(this / (1 - this))`, the inverse of `sigmoid`. */
  logit(): Tensor {
    return wrap(p.logit(floatOf(this)));
  }

  /** `log(sigmoid(this))`, safe for large negative elements. */
  logSigmoid(): Tensor {
    return wrap(activation.logSigmoid(floatOf(this)));
  }

  /** The elements above 0, else 0; derivative 0 at 0. */
  relu(): Tensor {
    return wrap(p.relu(floatOf(this)));
  }

  /** The elements above 0, `negativeSlope` (default 0.01) times them below. */
  leakyRelu(negativeSlope = 0.01): Tensor {
    const x = floatOf(this);
    return wrap(activation.leakyRelu(x, numberNode(negativeSlope, x.dtype)));
  }

  /** The elements above 0, `alpha * (exp(this) - 1)` below (default alpha 1). */
  elu(alpha = 1): Tensor {
    return wrap(activation.elu(floatOf(this), alpha));
  }

  /** `this * sigmoid(this)`, also called swish. */
  silu(): Tensor {
    return wrap(activation.silu(floatOf(this)));
  }

  /** Gaussian error linear unit, exact (`"none"`, default) or by the `"tanh"` approximation. */
  gelu(options: { approximate?: activation.GeluApproximation } = {}): Tensor {
    checkNames("gelu", options, ["approximate"]);
    return wrap(activation.gelu(floatOf(this), options.approximate ?? "none"));
  }

  /**
   * `log(1 + exp(beta * this)) / beta`; where `beta * this` is above `threshold`, the element
   * itself (defaults 1 and 20).
   */
  softplus(options: { beta?: number; threshold?: number } = {}): Tensor {
    checkNames("softplus", options, ["beta", "threshold"]);
    const { beta = 1, threshold = 20 } = options;
    checkNumber("softplus", "beta", beta);
    checkNumber("softplus", "threshold", threshold);
    return wrap(activation.softplus(floatOf(this), beta, threshold));
  }
}
