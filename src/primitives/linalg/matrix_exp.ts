/**
 * The exponential of matrices by scaling, a Padé approximant and squaring (Higham, The Scaling and
 * Squaring Method for the Matrix Exponential Revisited, 2005).
 *
 * @module
 */

import { apply, type Aval, definePrimitive, type Node, type Primitive } from "../../graph/node.ts";
import { reducedShape, sizeOf } from "../../graph/shape.ts";
import { add, exp, mul, num, sub } from "../elementwise.ts";
import { dot } from "../matmul.ts";
import { expand } from "../movement.ts";
import { lowerReduce } from "../reduce_stages.ts";
import { project } from "../tuple.ts";
import { emitLoop } from "./loop.ts";
import {
  batchLeading,
  block,
  blocks,
  checkSquare,
  flatSizes,
  identity,
  transposed,
  zeros,
} from "./matrices.ts";
import { solve } from "./solve.ts";

const made = "made at lowering, after differentiation and batching";

/** Coefficients of the Padé approximant of degree 13, divided by the first of them. */
const PADE = [
  64764752532480000,
  32382376266240000,
  7771770303897600,
  1187353796428800,
  129060195264000,
  10559470521600,
  670442572800,
  33522128640,
  1323241920,
  40840800,
  960960,
  16380,
  182,
  1,
].map((b, _i, all) => b / all[0]);

/** Norm up to which the approximant is exact in float64. */
const LARGEST_NORM = 5.371920351148152;

/** Matrices over powers of two that make their norms small, and the exponents, int64 [..., 1, 1]. */
export const expScalingPrim: Primitive<null> = definePrimitive<null>({
  name: "expScaling",
  infer: ([a]): Aval[] => [a, { shape: [...a.shape.slice(0, -2), 1, 1], dtype: "int64" }],
  vjp: made,
  batch: made,
  lower(c, [a], node) {
    const { dtype, shape } = node, rank = shape.length;
    const columns = lowerReduce(c, "ReduceSum", c.op("Abs", [a]), node, [rank - 2], true);
    const sums = { dtype, shape: reducedShape(shape, [rank - 2], true) };
    const norm = lowerReduce(c, "ReduceMax", columns, sums, [rank - 1], true);
    const tiny = c.scalar(dtype, LARGEST_NORM / 2);
    const ratio = c.op("Div", [c.op("Max", [norm, tiny]), c.scalar(dtype, LARGEST_NORM)]);
    const log = c.op("Ceil", [c.op("Div", [c.op("Log", [ratio]), c.scalar(dtype, Math.LN2)])]);
    const most = c.scalar(dtype, dtype === "float32" ? 130 : 1030);
    const bounded = c.op("Min", [c.op("Max", [log, c.scalar(dtype, 0)]), most]);
    const power = c.op("Where", [c.op("IsNaN", [norm]), c.scalar(dtype, 0), bounded]);
    const factor = c.op("Pow", [c.scalar(dtype, 2), c.op("Neg", [power])]);
    return [c.op("Mul", [a, factor]), c.cast(power, "int64")];
  },
});

/** Matrices multiplied with themselves as often as exponents, int64 [..., 1, 1], say. */
export const repeatedSquarePrim: Primitive<null> = definePrimitive<null>({
  name: "repeatedSquare",
  infer: ([x]) => x,
  vjp: made,
  batch: made,
  lower(c, [x, times], { shape, dtype }) {
    const sizes = flatSizes(shape), [b] = sizes;
    const flat = c.op("Reshape", [x, c.ints(sizes)]);
    const each = c.op("Reshape", [times, c.ints([b, 1, 1])]);
    const of = { dtype: "int64", shape: [b, 1, 1] } as const;
    const count = lowerReduce(c, "ReduceMax", each, of, [0, 1, 2], false);
    const [y] = emitLoop(c, count, [{ name: flat, dtype, shape: sizes }], (turn, [before]) => {
      const next = c.op("MatMul", [before, before]);
      return { states: [c.op("Where", [c.op("Less", [turn, each]), next, before])] };
    });
    return c.op("Reshape", [y, c.ints(shape)]);
  },
});

/** The exponential. Its derivative is a part of that of a matrix twice as large. Input: A [..., n, n]. */
export const matrixExpPrim: Primitive<null> = definePrimitive<null>({
  name: "matrixExp",
  infer([a]) {
    checkSquare("matrixExp", a);
    return { shape: a.shape, dtype: a.dtype };
  },
  lower: () => {
    throw new Error("internal: matrixExp is lowered as products and a system");
  },
  vjp(g, { inputs: [a] }) {
    // Van Loan, Computing integrals involving the matrix exponential, 1978.
    const at = transposed(a), n = a.shape[a.shape.length - 1];
    const both = matrixExp(blocks([[at, g], [zeros(a.shape, a), at]]));
    return [block(both, 0, n, n, n)];
  },
  batch: (node, xs, batched, size) => batchLeading(node, xs, batched, size),
  simplify(node) {
    if (sizeOf(node.shape) === 0) return node.inputs[0];
    return node.shape[node.shape.length - 1] === 1 ? exp(node.inputs[0]) : node;
  },
  decompose({ inputs: [a], shape }) {
    const both = apply(expScalingPrim, [a], null), x = project(both, 0), like = a;
    const unit = expand(identity(shape[shape.length - 1], like), shape);
    const x2 = dot(x, x), x4 = dot(x2, x2), x6 = dot(x4, x2);
    const terms = (of: readonly (readonly [number, Node])[]) =>
      of.map(([i, y]) => mul(num(PADE[i], like), y)).reduce(add);
    const odd = dot(
      x,
      add(
        dot(x6, terms([[13, x6], [11, x4], [9, x2]])),
        terms([[7, x6], [5, x4], [3, x2], [1, unit]]),
      ),
    );
    const even = add(
      dot(x6, terms([[12, x6], [10, x4], [8, x2]])),
      terms([[6, x6], [4, x4], [2, x2], [0, unit]]),
    );
    const y = solve(sub(even, odd), add(even, odd));
    return apply(repeatedSquarePrim, [y, project(both, 1)], null);
  },
});

/** Exponentials of [..., n, n] matrices. */
export function matrixExp(a: Node): Node {
  return apply(matrixExpPrim, [a], null);
}
