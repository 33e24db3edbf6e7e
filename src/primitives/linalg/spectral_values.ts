/**
 * Derivatives of functions of eigenvalues and singular values, also where some are equal.
 *
 * @module
 */

import { apply, definePrimitive, nextEpoch, type Node, type Primitive } from "../../graph/node.ts";
import {
  abs,
  add,
  cast,
  div,
  le,
  mul,
  num,
  reciprocal,
  square,
  sub,
  where,
} from "../elementwise.ts";
import { iotaAlong } from "../iota.ts";
import { dot } from "../matmul.ts";
import { detach, expand, reshape } from "../movement.ts";
import { amax, sum } from "../reduce.ts";
import { pullback } from "../reverse.ts";
import { projectPrim } from "../tuple.ts";
import { epsilonOf } from "./jacobi.ts";
import { batchLeading, columnOf, identity, rowOf, transposed } from "./matrices.ts";

/** Differences of entries that count as equal: what rounding leaves of a tie. */
export function tieWidth(values: Node): Node {
  const n = values.shape[values.shape.length - 1];
  const most = amax(abs(values), [values.shape.length - 1], true);
  return columnOf(mul(num(n * epsilonOf(values.dtype), values), most));
}

/** One over numbers that are larger than `least`, 0 for the others. */
export function safeReciprocal(x: Node, least: Node): Node {
  const small = le(abs(x), least);
  return where(small, num(0, x), reciprocal(where(small, num(1, x), x)));
}

/** What is left of the columns of x outside of the space of orthonormal columns u. */
export function outsideOf(u: Node, x: Node): Node {
  return sub(x, dot(u, dot(u, x, true, false)));
}

/** Nodes below g that are the same result of the same operation as `value`. */
function sameResults(g: Node, value: Node): Node[] {
  const [tuple] = value.inputs, { index } = value.attrs, epoch = nextEpoch();
  const found: Node[] = [], stack = [g];
  while (stack.length > 0) {
    const x = stack.pop()!;
    if (x.mark === epoch || !x.requiresGrad || x.made < tuple.made) continue;
    x.mark = epoch;
    if (x.prim === projectPrim && x.inputs[0] === tuple && x.attrs.index === index) found.push(x);
    else for (const y of x.inputs) stack.push(y);
  }
  return found;
}

/**
 * Slopes of a function of values w within each group of equal ones: how much faster its derivative g by
 * one of them changes with that one than with another. It is the same for all of a group, since nothing
 * tells them apart, and shows along a direction whose entries add up to 0 in each group. The sign of a
 * value that is 0 (`atZero`) does not matter either: it changes alone. Result: [..., n, 1].
 */
function slopesInTies(w: Node, g: Node, tied: Node, atZero: Node | null): Node {
  const targets = sameResults(g, w), column = [...w.shape, 1];
  if (targets.length === 0) return expand(num(0, w), column);
  const member = cast(tied, w.dtype), each = iotaAlong(column[column.length - 2], 0, 2, w.dtype);
  const count = dot(member, expand(num(1, w), column));
  const apart = sub(each, div(dot(member, expand(each, column)), count));
  const direction = detach(atZero === null ? apart : where(atZero, num(1, w), apart));
  const along = pullback([g], [reshape(direction, w.shape)], targets, targets.map(() => true));
  const change = columnOf(along.map((x) => x!).reduce(add));
  const size = dot(member, square(direction)), none = le(size, num(0, w));
  const slope = div(dot(member, mul(direction, change)), where(none, num(1, w), size));
  return where(none, num(0, w), slope);
}

/** Singular values and vectors of a matrix, or its eigenvalues and vectors. */
export interface Spectrum {
  /** The matrix. */
  readonly a: Node;
  /** Left vectors, the columns of [..., m, n]. */
  readonly u: Node;
  /** Values [..., n]. */
  readonly w: Node;
  /** Right vectors, the columns of [..., n, n]. */
  readonly v: Node;
  /** Whether they are eigenvalues and eigenvectors; then u is v. */
  readonly symmetric: boolean;
}

/**
 * Gradient by A of the inner product of Y and U diag(g) V^T, which is the gradient of a function of the
 * values, with the derivative g by each. That is a function of the matrix, whose derivative takes
 * divided differences of g (Daleckii & Krein, 1965; Lewis & Sendov, Twice differentiable spectral
 * functions, 2001), also where values are equal, which no derivative of the vectors reaches.
 */
function valueCurvature({ u, w, v, symmetric }: Spectrum, g: Node, y: Node): Node {
  const inner = dot(dot(u, y, true, false), v), least = tieWidth(w);
  const gap = sub(rowOf(w), columnOf(w)), tied = le(abs(gap), least);
  const zero = symmetric ? null : le(columnOf(w), least), slopes = slopesInTies(w, g, tied, zero);
  const differences = mul(sub(rowOf(g), columnOf(g)), safeReciprocal(gap, least));
  const unit = identity(w.shape[w.shape.length - 1], w), half = num(0.5, w);
  const x = mul(mul(where(tied, slopes, differences), sub(num(1, w), unit)), inner);
  const even = mul(half, add(x, transposed(x)));
  if (symmetric) return dot(dot(u, even), v, false, true);
  const total = add(rowOf(w), columnOf(w)), none = le(total, mul(num(2, w), least));
  const sums = mul(add(rowOf(g), columnOf(g)), safeReciprocal(total, least));
  const z = mul(where(none, slopes, sums), inner);
  let left = dot(u, add(even, mul(half, sub(z, transposed(z)))));
  const [m, n] = u.shape.slice(-2);
  if (m > n) {
    const ratios = mul(columnOf(g), safeReciprocal(columnOf(w), least));
    left = add(left, mul(outsideOf(u, dot(y, v)), transposed(where(zero!, slopes, ratios))));
  }
  return dot(left, v, false, true);
}

const spectrumOf = ({ inputs: [a, u, w, v], attrs }: Node<{ symmetric: boolean }>): Spectrum => ({
  a,
  u,
  w,
  v,
  ...attrs,
});

/** U diag(g) V^T, the gradient of a function of the values. Inputs: A, U, w, V, g. */
export const valueGradientPrim: Primitive<{ symmetric: boolean }> = definePrimitive<
  { symmetric: boolean }
>({
  name: "valueGradient",
  infer: ([a]) => ({ shape: a.shape, dtype: a.dtype }),
  lower: () => {
    throw new Error("internal: the gradient of values is lowered as products");
  },
  vjp(y, node, needs) {
    const spectrum = spectrumOf(node), g = node.inputs[4];
    const ga = needs[0] ? valueCurvature(spectrum, g, y) : null;
    return [ga, null, null, null, needs[4] ? valueTangent(spectrum, y) : null];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  decompose: ({ inputs: [, u, , v, g] }) => dot(mul(u, rowOf(g)), v, false, true),
});

/** The diagonal of U^T Y V: how the values change along Y. Inputs: A, U, w, V, Y. */
export const valueTangentPrim: Primitive<{ symmetric: boolean }> = definePrimitive<
  { symmetric: boolean }
>({
  name: "valueTangent",
  infer: ([, , w]) => ({ shape: w.shape, dtype: w.dtype }),
  lower: () => {
    throw new Error("internal: the tangent of values is lowered as products");
  },
  vjp(g, node, needs) {
    const spectrum = spectrumOf(node), y = node.inputs[4];
    const ga = needs[0] ? valueCurvature(spectrum, g, y) : null;
    return [ga, null, null, null, needs[4] ? valueGradient(spectrum, g) : null];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  decompose: ({ inputs: [, u, , v, y] }) => sum(mul(u, dot(y, v)), [u.shape.length - 2], false),
});

/** The gradient of a function of the values that has the derivative g by each. */
export function valueGradient({ a, u, w, v, symmetric }: Spectrum, g: Node): Node {
  return apply(valueGradientPrim, [a, u, w, v, g], { symmetric });
}

function valueTangent({ a, u, w, v, symmetric }: Spectrum, y: Node): Node {
  return apply(valueTangentPrim, [a, u, w, v, y], { symmetric });
}
