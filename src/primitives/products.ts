/**
 * Running products, and the derivatives of products of every order. Products of some of the factors may
 * leave the range where the whole result does not, so they are computed in wide numbers, without
 * division, which zeros would not stand.
 *
 * Derivatives along directions v are coefficients: what belongs to t in the product of x + t v. Of
 * order r, with the variables t_1 to t_r, whose squares are 0. Their adjoints are of the same kind, so
 * all orders end here.
 *
 * @module
 */

import { DTypeError, ShapeError } from "../graph/errors.ts";
import {
  apply,
  type Aval,
  definePrimitive,
  isFloat,
  type Node,
  type Primitive,
} from "../graph/node.ts";
import { reducedShape, sameShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { mul, num } from "./elementwise.ts";
import type { AxisAttrs } from "./index.ts";
import { batchAll, expand, narrow, pad, permute, reshape } from "./movement.ts";
import { checkHasAxis } from "./order.ts";
import {
  polynomialProduct,
  productOf,
  productOfOthers,
  runningOthers,
  runningProduct,
} from "./product_trees.ts";
import { lift, lower, type Polynomial, type Wide } from "./wide.ts";

/** Static arguments of `prodTangent` and `prodAdjoint`. */
export interface ProductAttrs {
  /** Multiplied axes, sorted. */
  readonly axes: Shape;
}

/** x + t_1 v_1 + ... + t_r v_r, brought to rows by `rows`. */
function directions(xs: readonly Node[], rows: (x: Node) => Node): Polynomial {
  const p = new Array<Wide | null>(2 ** (xs.length - 1)).fill(null);
  xs.forEach((x, i) => p[i === 0 ? 0 : 2 ** (i - 1)] = lift(rows(x)));
  return p;
}

/** A number that does not depend on t, as a polynomial of `count` coefficients. */
function alone(x: Wide, count: number): Polynomial {
  return [x, ...new Array<null>(count - 1).fill(null)];
}

/** The coefficient of all variables, as a tensor. */
function coefficient(p: Polynomial, like: Aval, shape: (y: Node) => Node): Node {
  const last = p[p.length - 1];
  return last === null ? expand(num(0, like), like.shape) : shape(lower(last, like.dtype));
}

/** Reads the axes of x as the columns of a matrix, and such a matrix as x. */
function columns(
  shape: Shape,
  axes: Shape,
): { rows: (x: Node) => Node; back: (y: Node) => Node } {
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...kept, ...axes], sizes = order.map((i) => shape[i]);
  const matrix = [sizeOf(kept.map((i) => shape[i])), sizeOf(axes.map((i) => shape[i]))];
  return {
    rows: (x) => reshape(permute(x, order), matrix),
    back: (y) => permute(reshape(y, sizes), order.map((_, i) => order.indexOf(i))),
  };
}

function checkLike(op: string, xs: readonly Node[]): void {
  const [x, ...others] = xs;
  if (!isFloat(x.dtype)) {
    throw new DTypeError(`${op}: got ${x.dtype}, wants a floating-point tensor; convert it first.`);
  }
  for (const v of others) {
    if (v.dtype === x.dtype && sameShape(v.shape, x.shape)) continue;
    throw new ShapeError(
      `${op}: got ${v.dtype} ${showShape(v.shape)} beside ${x.dtype} ${showShape(x.shape)}; ` +
        `factors and directions have one shape and type.`,
    );
  }
}

/** The product over axes, in wide numbers. Shape: that of x with sizes of 1 there. */
export function wideProduct(x: Node, axes: Shape): Node {
  const { rows } = columns(x.shape, axes);
  return reshape(lower(productOf(lift(rows(x))), x.dtype), reducedShape(x.shape, axes, true));
}

/**
 * Derivative of a product along directions. Inputs: x, v_1, ..., v_r. Result: that of the product over
 * the axes, which stay with size 1.
 */
export const prodTangentPrim: Primitive<ProductAttrs> = definePrimitive<ProductAttrs>({
  name: "prodTangent",
  infer(xs, { axes }) {
    checkLike("prodTangent", xs);
    return { shape: reducedShape(xs[0].shape, axes, true), dtype: xs[0].dtype };
  },
  lower: () => neverLowered("prodTangent"),
  vjp: (g, { inputs: [x, ...vs], attrs: { axes } }, needs) => [
    needs[0] ? prodAdjoint(g, x, vs, axes) : null,
    ...vs.map((_, s) => needs[s + 1] ? prodAdjoint(g, x, without(vs, s), axes) : null),
  ],
  batch: (node, xs, batched, size) => apply(node.prim, batchAll(xs, batched, size), later(node)),
  decompose(node) {
    const { inputs, attrs: { axes } } = node, { rows } = columns(inputs[0].shape, axes);
    if (sizeOf(inputs[0].shape) === 0) return expand(num(0, node), node.shape);
    const product = polynomialProduct(directions(inputs, rows));
    return coefficient(product, node, (y) => reshape(y, node.shape));
  },
});

/**
 * The adjoint: g times the derivative, along directions, of the product of all other factors. Inputs:
 * g (shape of the product, axes of size 1), x, v_1, ..., v_r. Result: of the shape of x.
 */
export const prodAdjointPrim: Primitive<ProductAttrs> = definePrimitive<ProductAttrs>({
  name: "prodAdjoint",
  infer([, ...xs]) {
    checkLike("prodAdjoint", xs);
    return { shape: xs[0].shape, dtype: xs[0].dtype };
  },
  lower: () => neverLowered("prodAdjoint"),
  vjp: (w, { inputs: [g, x, ...vs], attrs: { axes } }, needs) => [
    needs[0] ? prodTangent(x, [...vs, w], axes) : null,
    needs[1] ? prodAdjoint(g, x, [...vs, w], axes) : null,
    ...vs.map((_, s) => needs[s + 2] ? prodAdjoint(g, x, [...without(vs, s), w], axes) : null),
  ],
  batch: (node, xs, batched, size) => apply(node.prim, batchAll(xs, batched, size), later(node)),
  decompose(node) {
    const { inputs: [g, ...xs], attrs: { axes } } = node;
    const { rows, back } = columns(node.shape, axes);
    const factors = directions(xs, rows);
    const all = alone(lift(reshape(g, [sizeOf(g.shape), 1])), factors.length);
    return coefficient(productOfOthers(factors, all), node, back);
  },
});

/**
 * Running product along an axis, or its derivative along directions. Inputs: x, v_1, ..., v_r.
 */
export const cumprodPrim: Primitive<AxisAttrs> = definePrimitive<AxisAttrs>({
  name: "cumprod",
  infer(xs, { axis }) {
    checkHasAxis("cumprod", xs[0], axis);
    checkLike("cumprod", xs);
    return { shape: xs[0].shape, dtype: xs[0].dtype };
  },
  lower: () => neverLowered("cumprod"),
  vjp: (g, { inputs: [x, ...vs], attrs: { axis } }, needs) => [
    needs[0] ? cumprodAdjoint(g, x, vs, axis) : null,
    ...vs.map((_, s) => needs[s + 1] ? cumprodAdjoint(g, x, without(vs, s), axis) : null),
  ],
  batch: (node, xs, batched, size) =>
    apply(node.prim, batchAll(xs, batched, size), { axis: node.attrs.axis + 1 }),
  decompose(node) {
    const { inputs, attrs: { axis } } = node, { rows, back } = columns(node.shape, [axis]);
    return coefficient(runningProduct(directions(inputs, rows)), node, back);
  },
});

/**
 * The adjoint: for each element i the sum over k >= i of g_k times the derivative, along directions, of
 * the product of all up to k but i. Inputs: g, x, v_1, ..., v_r.
 */
export const cumprodAdjointPrim: Primitive<AxisAttrs> = definePrimitive<AxisAttrs>({
  name: "cumprodAdjoint",
  infer(xs) {
    checkLike("cumprodAdjoint", xs);
    return { shape: xs[0].shape, dtype: xs[0].dtype };
  },
  lower: () => neverLowered("cumprodAdjoint"),
  vjp: (w, { inputs: [g, x, ...vs], attrs: { axis } }, needs) => [
    needs[0] ? apply(cumprodPrim, [x, ...vs, w], { axis }) : null,
    needs[1] ? cumprodAdjoint(g, x, [...vs, w], axis) : null,
    ...vs.map((_, s) => needs[s + 2] ? cumprodAdjoint(g, x, [...without(vs, s), w], axis) : null),
  ],
  batch: (node, xs, batched, size) =>
    apply(node.prim, batchAll(xs, batched, size), { axis: node.attrs.axis + 1 }),
  decompose(node) {
    const { inputs: [g, ...xs], attrs: { axis } } = node;
    const { rows, back } = columns(node.shape, [axis]);
    const factors = directions(xs, rows);
    return coefficient(runningOthers(factors, alone(lift(rows(g)), factors.length)), node, back);
  },
});

function neverLowered(name: string): never {
  throw new Error(`internal: ${name} always decomposes`);
}

function without(vs: readonly Node[], s: number): Node[] {
  return vs.filter((_, i) => i !== s);
}

/** The axes behind a batch dimension. */
function later({ attrs }: Node<ProductAttrs>): ProductAttrs {
  return { axes: attrs.axes.map((a) => a + 1) };
}

/** Derivative of the product over axes along directions. */
function prodTangent(x: Node, vs: readonly Node[], axes: Shape): Node {
  return apply(prodTangentPrim, [x, ...vs], { axes });
}
/** Adjoint of the product over axes, or of its derivative along directions. */
export function prodAdjoint(g: Node, x: Node, vs: readonly Node[], axes: Shape): Node {
  return apply(prodAdjointPrim, [g, x, ...vs], { axes });
}
/** Adjoint of the running product, or of its derivative along directions. */
export function cumprodAdjoint(g: Node, x: Node, vs: readonly Node[], axis: number): Node {
  return apply(cumprodAdjointPrim, [g, x, ...vs], { axis });
}

/** Running product along an axis. Whole numbers wrap around. */
export function cumprod(x: Node, axis: number): Node {
  checkHasAxis("cumprod", x, axis);
  if (isFloat(x.dtype)) return apply(cumprodPrim, [x], { axis });
  const n = x.shape[axis];
  let y = x;
  // Each round multiplies by the value 1, 2, 4, ... places before.
  for (let step = 1; step < n; step *= 2) {
    const low = x.shape.map((_, i) => i === axis ? step : 0);
    y = mul(y, pad(narrow(y, axis, 0, n - step), low, x.shape.map(() => 0), 1));
  }
  return y;
}
