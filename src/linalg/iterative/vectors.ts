/**
 * Arithmetic on lists of tensors that are one vector together.
 *
 * @module
 */

import type { DType } from "../../runtime/mod.ts";
import type { Leaves, LinearMap } from "../../autodiff/implicit.ts";
import { wrap } from "../../tensor/core.ts";
import { normOfAll } from "../../tensor/formulas/statistics.ts";
import { concat, maximum, where } from "../../tensor/functions.ts";
import { full, tensor, zerosLike } from "../../tensor/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";

const WIDTH: readonly DType[] = ["float16", "float32", "float64"];

/** The type of inner products: the widest there is, at least float32. */
export function scalarType(x: Leaves): DType {
  return WIDTH[Math.max(1, ...x.map(({ dtype }) => WIDTH.indexOf(dtype)))];
}

/** Number of elements. */
export function sizeOf(x: Leaves): number {
  return x.reduce((sum, { size }) => sum + size, 0);
}

function total(parts: readonly Tensor[], x: Leaves): Tensor {
  const dtype = scalarType(x);
  if (parts.length === 0) return full([], 0, { dtype });
  return parts.map((p) => p.to(dtype)).reduce((a, b) => a.add(b));
}

/** The inner product. */
export function dot(x: Leaves, y: Leaves): Tensor {
  return total(x.map((a, i) => a.mul(y[i]).sum()), x);
}

/** The Euclidean norm, without overflow or underflow of squares. */
export function norm(x: Leaves): Tensor {
  const dtype = scalarType(x), parts = x.filter(({ size }) => size > 0).map((a) => a.to(dtype));
  if (parts.length === 0) return full([], 0, { dtype });
  return wrap(normOfAll(parts.map(({ node }) => node)));
}

/** The largest absolute value. */
export function largest(x: Leaves): Tensor {
  const dtype = scalarType(x);
  const all = x.filter(({ size }) => size > 0).map((a) => a.abs().amax().to(dtype));
  if (all.length === 0) return full([], 0, { dtype });
  return all.reduce((a, b) => maximum(a, b));
}

/** A power of two at `largest(x)`, by which x can be divided without rounding; 1 where x is 0. */
export function scaleOf(x: Leaves): Tensor {
  const most = largest(x), one = most.mul(0).add(1);
  const scale = where(most.gt(0), most, one).log2().floor();
  return tensor(2, { dtype: most.dtype }).pow(scale);
}

/** `a x`, for a scalar tensor. */
export function scaled(a: Tensor, x: Leaves): Tensor[] {
  return x.map((v) => v.mul(a.to(v.dtype)));
}

/** `x / a`, for a scalar tensor. */
export function divided(x: Leaves, a: Tensor): Tensor[] {
  return x.map((v) => v.div(a.to(v.dtype)));
}

/** `x + a y`, for a scalar tensor or number. */
export function axpy(x: Leaves, a: Tensor | number, y: Leaves): Tensor[] {
  return x.map((v, i) => v.add(y[i].mul(typeof a === "number" ? a : a.to(v.dtype))));
}

/** `x - y`. */
export function minus(x: Leaves, y: Leaves): Tensor[] {
  return x.map((v, i) => v.sub(y[i]));
}

/** `x + y`. */
export function plus(x: Leaves, y: Leaves): Tensor[] {
  return x.map((v, i) => v.add(y[i]));
}

/** Zeros. */
export function zerosOf(x: Leaves): Tensor[] {
  return x.map((v) => zerosLike(v));
}

/** The list as a vector of one dimension. */
export function flat(x: Leaves): Tensor {
  const dtype = scalarType(x), parts = x.map((v) => v.reshape([v.size]).to(dtype));
  return parts.length === 1 ? parts[0] : concat(parts);
}

/** The reverse of `flat`, for lists like `like`. */
export function unflat(vector: Tensor, like: Leaves): Tensor[] {
  let at = 0;
  return like.map(({ shape, size, dtype }) => {
    const part = vector.narrow(0, at, size);
    at += size;
    return part.reshape(shape).to(dtype);
  });
}

/** A linear map on flat vectors. */
export function onFlat(map: LinearMap, like: Leaves): (v: Tensor) => Tensor {
  return (v) => flat(map(unflat(v, like)));
}
