/**
 * The multivariate normal distribution.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import { broadcastShapes, showShape } from "../graph/shape.ts";
import { cholesky } from "../linalg/dense/cholesky.ts";
import type { TensorLike } from "../tensor/core.ts";
import { checkNames, describe } from "../tensor/describe.ts";
import { promote } from "../tensor/promotion.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Distribution, type SampleOptions } from "./distribution.ts";
import { standardNormal } from "./draws.ts";
import { dtypeOf, toFloat } from "./parameters.ts";
import { solveLower } from "./solve_lower.ts";
import type { DistributionOptions, Parameter } from "./types.ts";

/** Options of `MultivariateNormal`. */
export interface MultivariateNormalOptions extends DistributionOptions {
  /** The lower triangular factor L of the covariance L Lᵀ, with a positive diagonal: [..., n, n]. */
  readonly scaleTril?: Parameter;
  /** The covariance itself, in place of its factor. */
  readonly covarianceMatrix?: Parameter;
}

/**
 * The normal distribution of vectors with mean `loc` and a covariance, given by its Cholesky factor or
 * itself. What stands above the diagonal of the factor is not read.
 *
 * @example
 * ```ts
 * import { distributions, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const d = new distributions.MultivariateNormal(tensor([1, 2]), {
 *   scaleTril: tensor([[2, 0], [1, 3]]),
 * });
 * assertEquals([d.batchShape, d.eventShape], [[], [2]]);
 * assertEquals(d.covarianceMatrix.toArray(), [[4, 2], [2, 10]]);
 * assertEquals(d.sample([5]).shape, [5, 2]);
 * ```
 */
export class MultivariateNormal extends Distribution {
  /** The mean. */
  readonly loc: Tensor;
  /** The lower triangular factor of the covariance. */
  readonly scaleTril: Tensor;

  /**
   * Mean and factor; their leading dimensions broadcast to the batch shape.
   *
   * @throws {ShapeError} where the factor is not square, or does not fit the mean
   */
  constructor(loc: Parameter, options: MultivariateNormalOptions) {
    const op = "MultivariateNormal";
    checkNames(op, options, ["scaleTril", "covarianceMatrix", "dtype"]);
    const { scaleTril, covarianceMatrix, ...others } = options, dtype = dtypeOf(op, others);
    if ((scaleTril === undefined) === (covarianceMatrix === undefined)) {
      throw new TypeError(`${op}: give either scaleTril, a Cholesky factor, or covarianceMatrix.`);
    }
    const name = scaleTril === undefined ? "covarianceMatrix" : "scaleTril";
    const mean = toFloat(op, "loc", loc, dtype), given = toFloat(op, name, options[name], dtype);
    const n = mean.shape[mean.ndim - 1];
    if (mean.ndim < 1) {
      throw new ShapeError(`${op}: loc is a scalar, wants a vector; Normal is for numbers.`);
    }
    const [rows, columns] = given.shape.slice(-2);
    if (given.ndim < 2 || rows !== n || columns !== n) {
      throw new ShapeError(
        `${op}: ${name} is ${describe(given)}, wants [..., ${n}, ${n}] for a loc of shape ` +
          `${showShape(mean.shape)}.`,
      );
    }
    const factor = scaleTril === undefined ? cholesky(given) : given;
    const batch = [...broadcastShapes(op, mean.shape.slice(0, -1), factor.shape.slice(0, -2))];
    const common = dtype ?? promote(mean.dtype, factor.dtype);
    super(batch, [n], common);
    this.loc = mean.to(common).broadcastTo([...batch, n]);
    this.scaleTril = factor.to(common).tril().broadcastTo([...batch, n, n]);
  }

  /** The covariance. */
  get covarianceMatrix(): Tensor {
    return this.scaleTril.matmul(this.scaleTril.transpose(-1, -2));
  }

  /** The expected value. */
  override get mean(): Tensor {
    return this.loc;
  }

  /** The variance. */
  override get variance(): Tensor {
    return this.scaleTril.square().sum(-1);
  }

  /** log of the determinant of the factor. */
  get #logDet(): Tensor {
    return this.scaleTril.diagonal(0, -2, -1).log().sum(-1);
  }

  /** log of the density at values. */
  override logProb(value: TensorLike): Tensor {
    const x = this.valueOf("logProb", value).sub(this.loc), n = this.eventShape[0];
    const square = solveLower(this.scaleTril, x.unsqueeze(-1)).square().sum([
      -2,
      -1,
    ]);
    return square.add(n * Math.log(2 * Math.PI)).mul(-0.5).sub(this.#logDet);
  }

  /** The entropy, in nats. */
  override entropy(): Tensor {
    return this.#logDet.add(0.5 * this.eventShape[0] * (1 + Math.log(2 * Math.PI)));
  }

  /** @ignore Samples of a full shape. */
  protected override draw(shape: readonly number[], source: SampleOptions): Tensor {
    const z = standardNormal(shape, this.loc, source).unsqueeze(-1);
    return this.scaleTril.matmul(z).squeeze(-1).add(this.loc);
  }
}
