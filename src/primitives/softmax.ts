/**
 * Exponentials over their sum, and the logarithm of that sum.
 *
 * All three are lowered as formulas, which other passes see through, but have derivatives of their
 * own. A probability near 1 has lost the digits of its distance from 1, which the others have: where
 * one outweighs all others, derivatives are computed from those.
 *
 * @module
 */

import { apply, definePrimitive, isFloat, type Node, type Primitive } from "../graph/node.ts";
import { DTypeError } from "../graph/errors.ts";
import { reducedShape, type Shape, sizeOf } from "../graph/shape.ts";
import {
  abs,
  add,
  div,
  eq,
  exp,
  log1p,
  logicalAnd,
  lt,
  mul,
  num,
  sub,
  where,
} from "./elementwise.ts";
import { expand, reshape } from "./movement.ts";
import { amax, type ReduceAttrs, sum } from "./reduce.ts";

/** Axes over which probabilities add up to 1. */
interface Axes {
  readonly axes: Shape;
}

function checkFloat(name: string, x: Node): void {
  if (!isFloat(x.dtype)) {
    throw new DTypeError(`${name}: got ${x.dtype}, wants a floating-point tensor.`);
  }
}

/** Largest element, which keeps exponentials in range. */
function top(x: Node, axes: Shape): Node {
  return sizeOf(axes.map((a) => x.shape[a])) === 0 ? num(0, x) : amax(x, axes, true);
}

/** Logarithm of the sum of exp(z), where the largest z is 0: its own 1 is left out of a sum below 2. */
function logOfSum(z: Node, axes: Shape): Node {
  const e = exp(z), one = num(1, z), total = sum(e, axes, true);
  const others = sum(where(eq(e, one), num(0, z), e), axes, true);
  return log1p(where(lt(total, num(2, z)), others, sub(total, one)));
}

/** A primitive that keeps the shape, or reduces as its attributes say. */
function define<A extends Axes>(
  name: string,
  spec: Pick<Primitive<A>, "vjp" | "decompose"> & { shape(x: Node, attrs: A): Shape },
): Primitive<A> {
  return definePrimitive<A>({
    name,
    infer([x], attrs) {
      checkFloat(name, x);
      return { shape: spec.shape(x, attrs), dtype: x.dtype };
    },
    lower() {
      throw new Error(`internal: ${name} always decomposes`);
    },
    vjp: spec.vjp,
    batch: (node, [x]) =>
      apply(node.prim, [x], { ...node.attrs, axes: node.attrs.axes.map((a) => a + 1) }),
    decompose: spec.decompose,
  });
}

/** exp(x) / sum(exp(x)) over axes. */
export const softmaxPrim: Primitive<Axes> = define<Axes>("softmax", {
  shape: (x) => x.shape,
  decompose({ inputs: [x], attrs: { axes } }) {
    const e = exp(sub(x, top(x, axes)));
    return div(e, sum(e, axes, true));
  },
  vjp(g, node) {
    const { axes } = node.attrs;
    // A number added to all of g changes nothing: the one that outweighs the others gets 0.
    const most = where(lt(num(0.5, node), node), g, num(0, g));
    const h = sub(g, sum(most, axes, true));
    return [mul(node, sub(h, sum(mul(node, h), axes, true)))];
  },
});

/** Logarithm of `softmax`. */
export const logSoftmaxPrim: Primitive<Axes> = define<Axes>("logSoftmax", {
  shape: (x) => x.shape,
  decompose({ inputs: [x], attrs: { axes } }) {
    const z = sub(x, top(x, axes));
    return sub(z, logOfSum(z, axes));
  },
  vjp(g, { inputs: [x], attrs: { axes } }) {
    const y = softmax(x, axes), zero = num(0, g), most = lt(num(0.5, y), y);
    const total = sum(g, axes, true);
    // g - y total, with 1 - (the others) for the y that outweighs them.
    const others = sum(where(most, zero, y), axes, true);
    return [where(most, sub(mul(others, total), sub(total, g)), sub(g, mul(y, total)))];
  },
});

/** log(sum(exp(x))) over axes. */
export const logsumexpPrim: Primitive<ReduceAttrs> = define<ReduceAttrs>("logsumexp", {
  shape: (x, { axes, keepdim }) => reducedShape(x.shape, axes, keepdim),
  decompose({ inputs: [x], attrs: { axes }, shape }) {
    if (sizeOf(axes.map((a) => x.shape[a])) === 0) return expand(num(-Infinity, x), shape);
    // An infinite sum has an infinite or no summand, which is the result.
    const most = top(x, axes), finite = lt(abs(most), num(Infinity, x));
    const shift = where(finite, most, num(0, x));
    const y = add(logOfSum(sub(x, shift), axes), shift);
    return reshape(where(finite, y, most), shape);
  },
  vjp(g, node) {
    const { inputs: [x], attrs: { axes } } = node;
    const whole = (y: Node) => reshape(y, reducedShape(x.shape, axes, true));
    // What is finite has no part in an infinite sum.
    const infinite = num(Infinity, x);
    const none = logicalAnd(eq(whole(node), infinite), lt(x, infinite));
    return [mul(whole(g), where(none, num(0, x), softmax(x, axes)))];
  },
});

/** exp(x) / sum(exp(x)) over axes. */
export function softmax(x: Node, axes: Shape): Node {
  return apply(softmaxPrim, [x], { axes });
}
/** Logarithm of `softmax`, accurate where that is tiny or near 0. */
export function logSoftmax(x: Node, axes: Shape): Node {
  return apply(logSoftmaxPrim, [x], { axes });
}
/** log(sum(exp(x))) over axes, safe for large x. */
export function logsumexp(x: Node, axes: Shape, keepdim: boolean): Node {
  return apply(logsumexpPrim, [x], { axes, keepdim });
}
