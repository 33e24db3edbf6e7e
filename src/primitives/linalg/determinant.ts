/**
 * Determinants, their logarithms, and cofactors.
 *
 * @module
 */

import {
  apply,
  type Aval,
  definePrimitive,
  type Node,
  type Primitive,
  withGrad,
} from "../../graph/node.ts";
import { sizeOf } from "../../graph/shape.ts";
import { abs, add, log, lt, maximum, mul, num, sign, sub, where } from "../elementwise.ts";
import { expand, reshape } from "../movement.ts";
import { amax, prod, sum } from "../reduce.ts";
import { pullback } from "../reverse.ts";
import { project } from "../tuple.ts";
import { lu, luSolve, signOf } from "./lu.ts";
import { checkSquare, columnOf, diagonalOf, identity, onDiagonal, transposed } from "./matrices.ts";
import { inv } from "./solve.ts";

const last = (x: Node) => [x.shape.length - 1];

/**
 * Determinant, the product of the pivots. Its derivative is the matrix of cofactors, also where the
 * matrix has no inverse. Input: A [..., n, n].
 */
export const detPrim: Primitive<null> = definePrimitive<null>({
  name: "det",
  infer([a]) {
    checkSquare("det", a);
    return { shape: a.shape.slice(0, -2), dtype: a.dtype };
  },
  lower: () => {
    throw new Error("internal: det is lowered as lu");
  },
  vjp: (g, node) => [mul(columnOf(columnOf(g)), cofactors(node.inputs[0]))],
  batch: (_node, [a]) => det(a),
  simplify(node) {
    const [a] = node.inputs, n = a.shape[a.shape.length - 1];
    if (n === 1) return reshape(a, node.shape);
    return n === 0 || sizeOf(node.shape) === 0 ? expand(num(1, node), node.shape) : node;
  },
  decompose({ inputs: [a] }) {
    const [packed, , pivots] = lu(a), diagonal = diagonalOf(packed);
    return mul(prod(diagonal, last(diagonal), false), signOf(pivots, a));
  },
});

/**
 * Matrix of cofactors, `det(A) inverse(A)^T`. A pivot that is zero within rounding is taken as that
 * large: cofactors are polynomials, so that they change as little. Derivatives are those of the
 * product, which a matrix without an inverse does not have. Input: A [..., n, n].
 */
export const cofactorsPrim: Primitive<null> = definePrimitive<null>({
  name: "cofactors",
  infer([a]) {
    checkSquare("cofactors", a);
    return { shape: a.shape, dtype: a.dtype };
  },
  lower: () => {
    throw new Error("internal: cofactors are lowered as lu");
  },
  vjp(g, node, needs) {
    const [a] = node.inputs;
    const y = withGrad(true, () => mul(columnOf(columnOf(det(a))), transposed(inv(a))));
    return pullback([y], [g], [a], needs);
  },
  batch: (_node, [a]) => cofactors(a),
  simplify: (node) =>
    sizeOf(node.shape) === 0
      ? node
      : node.shape[node.shape.length - 1] === 1
      ? expand(num(1, node), node.shape)
      : node,
  decompose({ inputs: [a], shape, dtype }) {
    const [packed, order, pivots] = lu(a), diagonal = diagonalOf(packed);
    const n = shape[shape.length - 1];
    const largest = amax(abs(packed), [shape.length - 2, shape.length - 1], false);
    const eps = num(dtype === "float32" ? 2 ** -23 : 2 ** -52, a);
    // A matrix of zeros has cofactors of zero: any pivots as small serve.
    const tiny = num(dtype === "float32" ? 1e-30 : 1e-250, a);
    const least = reshape(maximum(mul(eps, largest), tiny), [...shape.slice(0, -2), 1]);
    const floored = where(lt(abs(diagonal), least), expand(least, diagonal.shape), diagonal);
    const safe = add(packed, onDiagonal(sub(floored, diagonal)));
    const whole = mul(prod(floored, last(floored), false), signOf(pivots, a));
    const unit = expand(identity(n, a), shape);
    return mul(columnOf(columnOf(whole)), luSolve(safe, order, unit, true));
  },
});

/**
 * Sign and logarithm of the absolute value of the determinant; 0 and -Infinity for a matrix without an
 * inverse. Input: A [..., n, n].
 */
export const slogdetPrim: Primitive<null> = definePrimitive<null>({
  name: "slogdet",
  infer([a]): Aval[] {
    checkSquare("slogdet", a);
    const out = { shape: a.shape.slice(0, -2), dtype: a.dtype };
    return [out, out];
  },
  lower: () => {
    throw new Error("internal: slogdet is lowered as lu");
  },
  vjp(g: readonly (Node | null)[], node) {
    const [a] = node.inputs;
    return [g[1] === null ? null : mul(columnOf(columnOf(g[1])), transposed(inv(a)))];
  },
  batch: (_node, [a]) => apply(slogdetPrim, [a], null),
  unpack({ inputs: [a], shape }, index) {
    if (sizeOf(a.shape) === 0) return expand(num(index === 0 ? 1 : 0, a), shape);
    const [packed, , pivots] = lu(a), diagonal = diagonalOf(packed);
    if (index === 1) return sum(log(abs(diagonal)), last(diagonal), false);
    return mul(prod(sign(diagonal), last(diagonal), false), signOf(pivots, a));
  },
});

/** Determinant of [..., n, n] matrices. */
export function det(a: Node): Node {
  return apply(detPrim, [a], null);
}
/** Matrix of cofactors of [..., n, n] matrices: the derivative of the determinant. */
export function cofactors(a: Node): Node {
  return apply(cofactorsPrim, [a], null);
}
/** Sign and logarithm of the absolute value of the determinant of [..., n, n] matrices. */
export function slogdet(a: Node): [Node, Node] {
  const node = apply(slogdetPrim, [a], null);
  return [project(node, 0), project(node, 1)];
}
