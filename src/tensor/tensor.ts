/**
 * The tensor class.
 *
 * @module
 */

import { backward, type BackwardOptions } from "../autodiff/grad.ts";
import { isFloat, type Node } from "../graph/node.ts";
import { cast } from "../primitives/elementwise.ts";
import { alias, expand } from "../primitives/movement.ts";
import { setConstructor, TensorCore, type TensorLike } from "./core.ts";
import { lift } from "./promotion.ts";
import type { NanToNumOptions, RoundingMode } from "./methods/arithmetic.ts";
import { LinearMethods } from "./methods/linear.ts";
import { guardTensors } from "./guards.ts";
import { forgetLast } from "./late.ts";
import { holdCopy } from "./pending.ts";
import { checkKind } from "./stores.ts";

/**
 * A multi-dimensional array whose operations can be differentiated.
 *
 * Operations return at once: they build a graph, which is compiled and run when a value is read
 * with `item()`, `data()` or `toArray()`. Make tensors with `tensor()`, `zeros()`, `randn()` and
 * their like. Methods with a trailing underscore change the tensor in place, and with it what it is a
 * view of and other views of that; a leaf that requires a gradient can be changed inside `noGrad()`
 * only.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([1, 2, 3], { requiresGrad: true });
 * const y = x.square().sum();
 * y.backward();
 * assertEquals(y.item(), 14);
 * assertEquals(x.grad!.toArray(), [2, 4, 6]);
 * ```
 *
 * @example In place
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { tensor } from "@torchopt/torchopt";
 *
 * const x = tensor([4, 9]), ids = tensor([1], { dtype: "int64" }), one = tensor([1]);
 * assertEquals(x.sqrt_().toArray(), [2, 3]);
 * assertEquals(x.add_(1).sub_(2).mul_(3).div_(3).toArray(), [1, 2]);
 * assertEquals(x.pow_(2).square_().neg_().abs_().toArray(), [1, 16]);
 * assertEquals(x.addcmul_(x, x).addcdiv_(x, x).toArray(), [3, 273]);
 * assert(x.rsqrt_().reciprocal_().square_().allclose(tensor([3, 273])));
 * assertEquals(x.clamp_(0, 1).exp_().log_().round_().toArray(), [1, 1]);
 * assert(x.copy_(tensor([0.5, -1.5])).tanh_().sigmoid_().lt(1).all().item());
 * assertEquals(x.copy_(tensor([0.5, -1.5])).relu_().ceil_().toArray(), [1, 0]);
 * assertEquals(x.copy_(tensor([NaN, 1.5])).nanToNum_().floor_().toArray(), [0, 1]);
 * assertEquals(x.maskedFill_(x.gt(0), 5).indexFill_(0, ids, 2).toArray(), [0, 2]);
 * assertEquals(x.indexAdd_(0, ids, one).scatterAdd_(0, ids, one).toArray(), [0, 4]);
 * assertEquals(x.scatter_(0, ids, one).toArray(), [0, 1]);
 * assertEquals(x.zero_().toArray(), [0, 0]);
 * ```
 */
export class Tensor extends LinearMethods {
  /**
   * Adds the gradient of this tensor to `grad` of the leaves it was computed from. A tensor of
   * several elements needs `gradient`, of its own shape: the gradient of the final result with
   * respect to it.
   */
  backward(gradient?: Tensor | null, options: BackwardOptions = {}): void {
    backward(this, gradient, options);
  }

  // -------------------------------------------------------------- in place

  /**
   * Takes over the values of `other`, which broadcasts. Fractions do not go into whole numbers: convert
   * them first. A bool tensor takes whether they differ from 0.
   */
  copy_(other: TensorLike): this {
    return take(this, "copy_", lift(other, this.dtype, "copy_"));
  }

  /** All elements become `value`; in a bool tensor, whether it differs from 0. */
  fill_(value: TensorLike): this {
    return take(this, "fill_", lift(value, this.dtype, "fill_"));
  }

  /** All elements become 0. */
  zero_(): this {
    return take(this, "zero_", lift(0, this.dtype));
  }

  /** Adds `other * alpha`. */
  add_(other: TensorLike, options: { alpha?: number } = {}): this {
    return change(this, "add_", this.add(other, options).node);
  }

  /** Subtracts `other * alpha`. */
  sub_(other: TensorLike, options: { alpha?: number } = {}): this {
    return change(this, "sub_", this.sub(other, options).node);
  }

  /** Multiplies by `other`. */
  mul_(other: TensorLike): this {
    return change(this, "mul_", this.mul(other).node);
  }

  /** Divides by `other`. */
  div_(other: TensorLike, options: { roundingMode?: RoundingMode } = {}): this {
    return change(this, "div_", this.div(other, options).node);
  }

  /** Raises to a power. */
  pow_(exponent: TensorLike): this {
    return change(this, "pow_", this.pow(exponent).node);
  }

  /** Adds `value * a * b`. */
  addcmul_(a: TensorLike, b: TensorLike, options: { value?: number } = {}): this {
    return change(this, "addcmul_", this.addcmul(a, b, options).node);
  }

  /** Adds `value * a / b`. */
  addcdiv_(a: TensorLike, b: TensorLike, options: { value?: number } = {}): this {
    return change(this, "addcdiv_", this.addcdiv(a, b, options).node);
  }

  /** Moves towards `end` by the fraction `weight`. */
  lerp_(end: TensorLike, weight: TensorLike): this {
    return change(this, "lerp_", this.lerp(end, weight).node);
  }

  /** Changes signs. */
  neg_(): this {
    return change(this, "neg_", this.neg().node);
  }

  /** Magnitudes in place. */
  abs_(): this {
    return change(this, "abs_", this.abs().node);
  }

  /** Square roots in place. */
  sqrt_(): this {
    return change(this, "sqrt_", this.sqrt().node);
  }

  /** Reciprocals of square roots in place. */
  rsqrt_(): this {
    return change(this, "rsqrt_", this.rsqrt().node);
  }

  /** Squares in place. */
  square_(): this {
    return change(this, "square_", this.square().node);
  }

  /** Reciprocals in place. */
  reciprocal_(): this {
    return change(this, "reciprocal_", this.reciprocal().node);
  }

  /** Exponentials in place. */
  exp_(): this {
    return change(this, "exp_", this.exp().node);
  }

  /** Natural logarithms in place. */
  log_(): this {
    return change(this, "log_", this.log().node);
  }

  /** Hyperbolic tangents in place. */
  tanh_(): this {
    return change(this, "tanh_", this.tanh().node);
  }

  /** `sigmoid` in place. */
  sigmoid_(): this {
    return change(this, "sigmoid_", this.sigmoid().node);
  }

  /** `relu` in place; whole numbers stay whole. */
  relu_(): this {
    return change(this, "relu_", (isFloat(this.dtype) ? this.relu() : this.maximum(0)).node);
  }

  /** `floor` in place. */
  floor_(): this {
    return change(this, "floor_", this.floor().node);
  }

  /** `ceil` in place. */
  ceil_(): this {
    return change(this, "ceil_", this.ceil().node);
  }

  /** `round` in place. */
  round_(): this {
    return change(this, "round_", this.round().node);
  }

  /** Brings elements within bounds. */
  clamp_(min?: TensorLike | null, max?: TensorLike | null): this {
    return change(this, "clamp_", this.clamp(min, max).node);
  }

  /** Replaces NaN and infinities. */
  nanToNum_(options: NanToNumOptions = {}): this {
    return change(this, "nanToNum_", this.nanToNum(options).node);
  }

  /** Puts `value` where `mask` (bool) holds. */
  maskedFill_(mask: Tensor, value: TensorLike): this {
    return change(this, "maskedFill_", this.maskedFill(mask, value).node);
  }

  /** Replaces elements by number; see `scatter`. */
  scatter_(dim: number, index: Tensor, src: TensorLike): this {
    return change(this, "scatter_", this.scatter(dim, index, src).node);
  }

  /** Adds to elements by number; see `scatterAdd`. */
  scatterAdd_(dim: number, index: Tensor, src: TensorLike): this {
    return change(this, "scatterAdd_", this.scatterAdd(dim, index, src).node);
  }

  /** Adds to positions by number; see `indexAdd`. */
  indexAdd_(dim: number, index: Tensor, src: Tensor): this {
    return change(this, "indexAdd_", this.indexAdd(dim, index, src).node);
  }

  /** Replaces positions by number; see `indexCopy`. */
  indexCopy_(dim: number, index: Tensor, src: Tensor): this {
    return change(this, "indexCopy_", this.indexCopy(dim, index, src).node);
  }

  /** Fills positions by number; see `indexFill`. */
  indexFill_(dim: number, index: Tensor, value: number | boolean): this {
    return change(this, "indexFill_", this.indexFill(dim, index, value).node);
  }
}

function change<T extends Tensor>(x: T, op: string, value: Node): T {
  forgetLast(value);
  x.assign(op, value);
  holdCopy(x.written);
  return x;
}

function take<T extends Tensor>(x: T, op: string, value: Node): T {
  // Any number has a truth value; nothing else changes its kind.
  if (x.dtype !== "bool") checkKind(op, value.dtype, x.dtype);
  // An alias has memory of its own: a later update of one tensor leaves the other as it is.
  return change(x, op, alias(expand(cast(value, x.dtype), x.shape)));
}

guardTensors(Tensor.prototype);
// None of the classes in between has a constructor of its own; without this, each of them would take
// its share of the time that making a tensor takes.
Object.setPrototypeOf(Tensor, TensorCore);
setConstructor((node) => new Tensor(node));
