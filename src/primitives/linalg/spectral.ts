/**
 * Eigenvalues of symmetric matrices, and singular values.
 *
 * @module
 */

import { attr } from "../../onnx/mod.ts";
import { apply, type Aval, definePrimitive, type Node, type Primitive } from "../../graph/node.ts";
import { sizeOf } from "../../graph/shape.ts";
import {
  abs,
  add,
  cast,
  div,
  le,
  lt,
  mul,
  neg,
  num,
  sign,
  sqrt,
  square,
  sub,
  where,
} from "../elementwise.ts";
import { gather } from "../index.ts";
import { dot } from "../matmul.ts";
import { expand, reshape } from "../movement.ts";
import { argmax, argsort } from "../order.ts";
import { amax, sum } from "../reduce.ts";
import { project } from "../tuple.ts";
import { emitOneSidedJacobi, emitSymmetricJacobi } from "./jacobi.ts";
import {
  batchLeading,
  checkMatrices,
  checkSquare,
  columnOf,
  diagonalOf,
  flatSizes,
  rowOf,
  symmetricPart,
  takeColumns,
  transposed,
} from "./matrices.ts";
import { qr } from "./qr.ts";
import { outsideOf, safeReciprocal, tieWidth, valueGradient } from "./spectral_values.ts";

const made = "made at lowering, after differentiation and batching";

const kernel = (name: string, node: { dtype: string }) =>
  `${name}${node.dtype === "float32" ? "F32" : "F64"}`;

/** Eigenvalues in any order and eigenvectors of symmetric matrices, by Jacobi's method. */
export const symmetricJacobiPrim: Primitive<null> = definePrimitive<null>({
  name: "symmetricJacobi",
  infer: ([a]): Aval[] => [{ shape: a.shape.slice(0, -1), dtype: a.dtype }, a],
  vjp: made,
  batch: made,
  lower(c, [a], node) {
    const { shape, dtype } = node.inputs[0], [b, n] = flatSizes(shape);
    if (c.target.has("torchopt.Eigh", node.inputs[0].dtype)) {
      return c.ops(kernel("Eigh", node), [a], { shape: attr.ints(shape) }, {
        domain: "torchopt",
        outputs: 2,
      });
    }
    const flat = c.op("Reshape", [a, c.ints([b, n, n])]);
    return emitSymmetricJacobi(c, flat, [b, n], dtype)
      .map((x, i) => c.op("Reshape", [x, c.ints(node.outs![i].shape)]));
  },
});

/** A V with orthogonal columns, and V, for matrices with no more columns than rows. */
export const oneSidedJacobiPrim: Primitive<null> = definePrimitive<null>({
  name: "oneSidedJacobi",
  infer([a]): Aval[] {
    const n = a.shape[a.shape.length - 1];
    return [a, { shape: [...a.shape.slice(0, -2), n, n], dtype: a.dtype }];
  },
  vjp: made,
  batch: made,
  lower(c, [a], node) {
    const { shape, dtype } = node.inputs[0], sizes = flatSizes(shape);
    if (c.target.has("torchopt.OrthogonalColumns", node.inputs[0].dtype)) {
      return c.ops(kernel("OrthogonalColumns", node), [a], { shape: attr.ints(shape) }, {
        domain: "torchopt",
        outputs: 2,
      });
    }
    const flat = c.op("Reshape", [a, c.ints(sizes)]);
    return emitOneSidedJacobi(c, flat, sizes, dtype)
      .map((x, i) => c.op("Reshape", [x, c.ints(node.outs![i].shape)]));
  },
});

/** NaN for each matrix that holds a number that is not finite, else 0: [..., 1]. */
function poison(a: Node): Node {
  const rank = a.shape.length;
  return sum(mul(a, num(0, a)), [rank - 2, rank - 1], false);
}

/**
 * Signs [..., n] that make the first of the largest entries of each column positive, so that vectors
 * do not depend on the way they were found. Entries within a thousandth of the largest count as such.
 */
function columnSigns(v: Node): Node {
  const axis = v.shape.length - 2, size = abs(v);
  const most = mul(num(0.999, v), amax(size, [axis], true));
  const first = argmax(cast(le(most, size), v.dtype), axis, true);
  const chosen = sign(gather(v, axis, first));
  return where(lt(chosen, num(0, v)), num(-1, v), num(1, v));
}

/**
 * Eigenvalues in ascending order and eigenvectors, the columns of V. Vectors of equal eigenvalues are
 * taken not to turn among each other, which is right for whatever does not depend on their choice.
 * Input: symmetric A [..., n, n]; results [..., n] and [..., n, n].
 */
export const eighPrim: Primitive<null> = definePrimitive<null>({
  name: "eigh",
  infer([a]): Aval[] {
    checkSquare("eigh", a);
    return [{ shape: a.shape.slice(0, -1), dtype: a.dtype }, { shape: a.shape, dtype: a.dtype }];
  },
  lower: () => {
    throw new Error("internal: eigh is lowered as symmetricJacobi");
  },
  vjp([gw, gv]: readonly (Node | null)[], node) {
    const [a] = node.inputs, w = project(node, 0), v = project(node, 1);
    const parts: Node[] = gw === null
      ? []
      : [valueGradient({ a, u: v, w, v, symmetric: true }, gw)];
    if (gv !== null) {
      const factors = safeReciprocal(sub(rowOf(w), columnOf(w)), tieWidth(w));
      parts.push(dot(dot(v, mul(factors, dot(v, gv, true, false))), v, false, true));
    }
    return [symmetricPart(parts.reduce(add))];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  unpack({ inputs: [a], outs }, index) {
    if (sizeOf(a.shape) === 0) return expand(num(0, a), outs![index].shape);
    const both = apply(symmetricJacobiPrim, [a], null);
    const bad = poison(a), values = project(both, 0);
    const order = argsort(values, values.shape.length - 1, false);
    if (index === 0) return add(gather(values, values.shape.length - 1, order), columnOf(bad));
    const vectors = takeColumns(project(both, 1), order);
    return add(mul(vectors, columnSigns(vectors)), columnOf(columnOf(bad)));
  },
});

/**
 * Singular values in descending order, and singular vectors: A = U diag(s) V^T, for matrices with no
 * more columns than rows. Vectors of equal singular values are taken not to turn among each other.
 * Input: A [..., m, n]; results U [..., m, n], s [..., n], V [..., n, n].
 */
export const svdPrim: Primitive<null> = definePrimitive<null>({
  name: "svd",
  infer([a]): Aval[] {
    checkMatrices("svd", a);
    const lead = a.shape.slice(0, -2), [, n] = a.shape.slice(-2), { dtype } = a;
    return [
      { shape: a.shape, dtype },
      { shape: [...lead, n], dtype },
      { shape: [...lead, n, n], dtype },
    ];
  },
  lower: () => {
    throw new Error("internal: svd is lowered as oneSidedJacobi");
  },
  vjp([gu, gs, gv]: readonly (Node | null)[], node) {
    const u = project(node, 0), s = project(node, 1), v = project(node, 2);
    const [a] = node.inputs, spectrum = { a, u, w: s, v, symmetric: false };
    const values = gs === null ? null : valueGradient(spectrum, gs);
    if (gu === null && gv === null) return [values];
    const least = tieWidth(s);
    // U^T dU and V^T dV are antisymmetric. Their difference stays finite where singular values meet.
    const e = gu === null ? null : dot(u, gu, true, false);
    const d = gv === null ? null : dot(v, gv, true, false);
    const half = num(0.5, s);
    const total = mul(half, e === null ? d! : d === null ? e : add(e, d));
    const rest = mul(half, e === null ? neg(d!) : d === null ? e : sub(e, d));
    const x = mul(safeReciprocal(sub(rowOf(s), columnOf(s)), least), total);
    const y = mul(safeReciprocal(add(rowOf(s), columnOf(s)), least), rest);
    let left = dot(u, add(add(x, transposed(x)), sub(y, transposed(y))));
    const [m, n] = node.shape.slice(-2);
    if (gu !== null && m > n) {
      left = add(left, mul(outsideOf(u, gu), safeReciprocal(rowOf(s), least)));
    }
    const vectors = dot(left, v, false, true);
    return [values === null ? vectors : add(values, vectors)];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  unpack({ inputs: [a], outs }, index) {
    if (sizeOf(a.shape) === 0) return expand(num(0, a), outs![index].shape);
    const rank = a.shape.length, bad = poison(a);
    // Of a tall matrix only R is rotated, which has its columns' lengths and angles.
    const [basis, core] = a.shape[rank - 2] > a.shape[rank - 1] ? qr(a) : [null, a];
    const both = apply(oneSidedJacobiPrim, [core], null);
    const columns = project(both, 0), v = project(both, 1);
    const sizes = lengths(columns);
    const order = argsort(sizes, rank - 2, true);
    if (index === 1) return add(gather(sizes, rank - 2, order), columnOf(bad));
    // Columns of no length get the vectors that complete the basis.
    const [q, r] = qr(takeColumns(columns, order));
    const diagonal = diagonalOf(r);
    const turned = where(lt(diagonal, num(0, a)), num(-1, a), num(1, a));
    const found = mul(q, rowOf(turned)), u = basis === null ? found : dot(basis, found);
    const signs = columnSigns(u);
    const vectors = index === 0 ? u : takeColumns(v, order);
    return add(mul(vectors, signs), columnOf(columnOf(bad)));
  },
});

/** Euclidean lengths [..., n] of the columns; those of large or tiny numbers, too. */
function lengths(x: Node): Node {
  const axis = x.shape.length - 2, most = amax(abs(x), [axis], true);
  const zero = num(0, x), scale = where(le(most, zero), num(1, x), most);
  const root = sqrt(sum(square(div(x, scale)), [axis], true));
  return reshape(mul(root, scale), [...x.shape.slice(0, -2), x.shape[axis + 1]]);
}

/** Eigenvalues, ascending, and eigenvectors of symmetric matrices [..., n, n]. */
export function eigh(a: Node): [Node, Node] {
  const node = apply(eighPrim, [a], null);
  return [project(node, 0), project(node, 1)];
}

/** U, s (descending) and V^T with A = U diag(s) V^T, of the smaller size. */
export function svd(a: Node): [Node, Node, Node] {
  checkMatrices("svd", a);
  const [m, n] = a.shape.slice(-2), tall = m >= n;
  const node = apply(svdPrim, [tall ? a : transposed(a)], null);
  const [left, s, right] = [project(node, 0), project(node, 1), project(node, 2)];
  return tall ? [left, s, transposed(right)] : [right, s, transposed(left)];
}
