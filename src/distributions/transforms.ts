/**
 * Invertible functions of random variables.
 *
 * @module
 */

import type { TensorLike } from "../tensor/core.ts";
import { Tensor } from "../tensor/tensor.ts";

/** An invertible function of numbers, applied to each of a tensor. */
export interface Transform {
  /** The function. */
  forward(x: Tensor): Tensor;
  /** Its inverse. */
  inverse(y: Tensor): Tensor;
  /** log of the magnitude of the derivative at x, where y is the value. */
  logAbsDetJacobian(x: Tensor, y: Tensor): Tensor;
  /** 1 where the function rises, -1 where it falls. */
  readonly sign: Tensor | 1 | -1;
}

/**
 * `loc + scale * x`.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const t = new distributions.AffineTransform(1, -2);
 * assertEquals(t.inverse(t.forward(tensor(3))).item(), 3);
 * ```
 */
export class AffineTransform implements Transform {
  /** What is added. */
  readonly loc: TensorLike;
  /** What the variable is multiplied by; not 0. */
  readonly scale: TensorLike;

  /** Both may be tensors. */
  constructor(loc: TensorLike, scale: TensorLike) {
    this.loc = loc;
    this.scale = scale;
  }

  /** @ignore */
  get sign(): Tensor | 1 | -1 {
    const { scale } = this;
    return scale instanceof Tensor ? scale.sign() : Number(scale) < 0 ? -1 : 1;
  }

  /** @ignore */
  forward(x: Tensor): Tensor {
    return x.mul(this.scale).add(this.loc);
  }

  /** @ignore */
  inverse(y: Tensor): Tensor {
    return y.sub(this.loc).div(this.scale);
  }

  /** @ignore */
  logAbsDetJacobian(x: Tensor): Tensor {
    // In the shape of the variable.
    return x.mul(0).add(1).mul(this.scale).abs().log();
  }
}

/**
 * `exp(x)`.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new distributions.ExpTransform().forward(tensor(0)).item(), 1);
 * ```
 */
export class ExpTransform implements Transform {
  /** @ignore */
  readonly sign = 1;

  /** @ignore */
  forward(x: Tensor): Tensor {
    return x.exp();
  }

  /** @ignore */
  inverse(y: Tensor): Tensor {
    return y.log();
  }

  /** @ignore */
  logAbsDetJacobian(x: Tensor): Tensor {
    return x;
  }
}

/**
 * `1 / (1 + exp(-x))`.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new distributions.SigmoidTransform().forward(tensor(0)).item(), 0.5);
 * ```
 */
export class SigmoidTransform implements Transform {
  /** @ignore */
  readonly sign = 1;

  /** @ignore */
  forward(x: Tensor): Tensor {
    return x.sigmoid();
  }

  /** @ignore */
  inverse(y: Tensor): Tensor {
    return y.logit();
  }

  /** @ignore */
  logAbsDetJacobian(x: Tensor): Tensor {
    return x.softplus().add(x.neg().softplus()).neg();
  }
}

/**
 * `tanh(x)`, as actions between -1 and 1 are made of normal variables.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.TransformedDistribution(
 *   new distributions.Normal(0, 1),
 *   [new distributions.TanhTransform()],
 * );
 * assertEquals(d.cdf(tensor(0)).item(), 0.5);
 * ```
 */
export class TanhTransform implements Transform {
  /** @ignore */
  readonly sign = 1;

  /** @ignore */
  forward(x: Tensor): Tensor {
    return x.tanh();
  }

  /** @ignore */
  inverse(y: Tensor): Tensor {
    return y.atanh();
  }

  /** @ignore */
  logAbsDetJacobian(x: Tensor): Tensor {
    // log(1 - tanh(x) ** 2), which loses all digits far from 0.
    return x.mul(-2).softplus().add(x).sub(Math.LN2).mul(-2);
  }
}
