/**
 * Each primitive at special values, and how far its results may differ with kernels and without. The
 * type of the table names all primitives.
 *
 * @module
 */

import { apply, type Node } from "../../src/graph/node.ts";
import { closeBody, parametersLike } from "../../src/graph/body.ts";
import { cond } from "../../src/primitives/cond.ts";
import { loop } from "../../src/primitives/loop.ts";
import { barrier } from "../../src/primitives/barrier.ts";
import { conv, convInputGrad, convWeightGrad } from "../../src/primitives/conv.ts";
import { cumsum } from "../../src/primitives/cumsum.ts";
import { custom } from "../../src/primitives/custom.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { adamStep } from "../../src/primitives/fused_adam.ts";
import { gather, indexAdd, indexSelect, scatterAdd } from "../../src/primitives/index.ts";
import { cholesky } from "../../src/primitives/linalg/cholesky.ts";
import { cofactors, det, slogdet } from "../../src/primitives/linalg/determinant.ts";
import { lstsq } from "../../src/primitives/linalg/lstsq.ts";
import { lu, orderOf } from "../../src/primitives/linalg/lu.ts";
import { matrixExp } from "../../src/primitives/linalg/matrix_exp.ts";
import { pinv } from "../../src/primitives/linalg/pinv.ts";
import { qr } from "../../src/primitives/linalg/qr.ts";
import { solve } from "../../src/primitives/linalg/solve.ts";
import { eigh, svd } from "../../src/primitives/linalg/spectral.ts";
import { triangularSolve } from "../../src/primitives/linalg/triangular.ts";
import { dot } from "../../src/primitives/matmul.ts";
import * as m from "../../src/primitives/movement.ts";
import { argmax, argmin, topk } from "../../src/primitives/order.ts";
import { maxPool } from "../../src/primitives/pool.ts";
import { power } from "../../src/primitives/power.ts";
import {
  cumprod,
  cumprodAdjoint,
  prodAdjoint,
  prodTangentPrim,
} from "../../src/primitives/products.ts";
import { amax, amin, prod, sum } from "../../src/primitives/reduce.ts";
import { scatter } from "../../src/primitives/scatter.ts";
import { logSoftmax, logsumexp, softmax } from "../../src/primitives/softmax.ts";
import type { PrimitiveName } from "../../src/primitives/table.ts";
import type { DType } from "../../src/runtime/mod.ts";
import { here, ints } from "./cases.ts";
import { forEach } from "./elementwise_table.ts";
import { node } from "./nodes.ts";

/** Types that are compared. */
export type Float = "float32" | "float64";

/** Graphs of one primitive, and what their results may differ by. */
export interface Agreement {
  /** Graphs whose results are compared. */
  readonly graphs: (dtype: Float) => Node[];
  /** Units in the last place by which results may differ: of float32 and of float64. */
  readonly ulps: readonly [number, number];
  /** Sums: units in the last place of this instead of the result. */
  readonly of?: number;
  /** Whether a zero may have either sign. */
  readonly anySign?: boolean;
}

/** Both signs of these, zeros, infinities and NaN: denormal, smallest, largest, and the middle. */
const sizes: Record<Float, number[]> = {
  float32: [1.5e-45, 1e-40, 1.17e-38, 1.2e-38, 3e38],
  float64: [5e-324, 1e-310, 2.2e-308, 2.3e-308, 1e300],
};
const middle = [1e-30, 1e-10, 1e-4, 0.1, 0.3, 0.5, 0.7, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 9, 10, 15, 18]
  .concat([20, 30, 37, 50, 80, 87, 89, 95, 103, 105, 200, 700, 709, 711, 744, 746, 1e4, 1e7, 1e30]);

/** Special values of a type. */
export function specials(dtype: Float): number[] {
  const all = [...sizes[dtype], ...middle];
  return [NaN, Infinity, -Infinity, 0, -0, ...all, ...all.map((v) => -v)];
}

const few = (dtype: Float) => [NaN, Infinity, -Infinity, 0, -0, 1, -1, 2.5, -3, ...sizes[dtype]];

/** One operand, in two alignments: kernels do the last elements in another way. */
const one = (f: (x: Node) => Node) => (dtype: Float): Node[] => {
  const x = specials(dtype);
  return [f(node(x, [x.length], dtype)), f(node(x.slice(1), [x.length - 1, 1], dtype))];
};

/** All pairs of values: side by side, a row with a column, and with a number on either side. */
const pairs = (f: (a: Node, b: Node) => Node) => (dtype: Float): Node[] => {
  const x = few(dtype), n = x.length, row = node(x, [n], dtype);
  const each = (pick: (i: number) => number) =>
    node(Array.from({ length: n * n }, (_, i) => x[pick(i)]), [n * n], dtype);
  return [
    f(each((i) => Math.floor(i / n)), each((i) => i % n)),
    f(m.reshape(row, [n, 1]), row),
    ...x.map((v) => f(node([v], [], dtype), row)),
    ...x.map((v) => f(row, node([v], [], dtype))),
  ];
};

/** Two rows with NaN and infinities, one with zeros and denormals, and one of plain numbers. */
const rows = (dtype: Float, shape = [4, 6]): Node =>
  node(
    [NaN, 1, 2, -1, 0.5, 3, Infinity, 2, -Infinity, 1, 0, 7, 0, -0, 1, sizes[dtype][1], 2, -2]
      .concat([0.1, -0.7, 3, 0.25, -1.5, 2]),
    shape,
    dtype,
  );

const plain = (shape: number[], dtype: Float, seed = 1): Node =>
  node(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.7 + seed)),
    shape,
    dtype,
  );

/** Numbers whose matrices have full rank: those of `plain` have rank 2. */
const mixed = (shape: number[], dtype: Float): Node =>
  node(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i + 1)),
    shape,
    dtype,
  );

const many = (f: (dtype: Float) => Node[], f32 = 0, f64 = f32, of?: number): Agreement => ({
  graphs: f,
  ulps: [f32, f64],
  of,
});

/** A movement, or whatever keeps numbers as they are. */
const same = (f: (x: Node) => Node | Node[]): Agreement => many((dtype) => [f(rows(dtype))].flat());

/** Many equal numbers. */
const full = (n: number, dtype: Float, value = 0.1) => node(Array(n).fill(value), [n], dtype);
const LONG = 100_003;
const truth = (x: Node) => e.lt(e.num(0.5, x), x);
const windows = { kernel: [2, 2], strides: [1, 2], low: [1, 0], high: [0, 1], dilations: [1, 1] };
const convs = { strides: [2, 1], low: [1, 0], high: [0, 1], dilations: [1, 2], groups: 2 };
const made = "a kernel that lowering puts in the place of other primitives";

/** How each primitive with kernels agrees with itself without. */
export const agreements: Record<PrimitiveName, Agreement | string> = {
  buffer: "a leaf",
  scalar: "a leaf",
  constant: "a leaf",
  ...forEach(({ arity, f, options: { ulps, of, anySign } }) => ({
    ...{ ulps, of, anySign },
    graphs: arity === 1 ? one(f) : pairs(f),
  })),
  project: "a part of its operand",
  iota: "whole numbers, no operands",
  columns: made,
  foldColumns: made,
  maxPlaces: made,
  scatterZeros: made,
  adamMany: made,
  power: many((dtype) => [2, 3, 5, -2].map((n) => power(node(specials(dtype), [91], dtype), n)), 8),
  // Which zero is the larger one is not said.
  // In float32 without kernels it is made of an error function that has no digits near 0.
  select: { graphs: pairs((a, b) => e.where(truth(a), a, b)), ulps: [0, 0] },
  cast: {
    graphs: one((x) => e.cast(x, x.dtype === "float32" ? "float64" : "float32")),
    ulps: [0, 0],
  },
  softmax: many((d) => [softmax(rows(d), [1])], 8),
  logSoftmax: many((d) => [logSoftmax(rows(d), [1])], 8),
  logsumexp: many((d) => [logsumexp(rows(d), [1], false)], 8),
  sum: many((d) => [sum(rows(d), [1], false), sum(full(LONG, d), [0], false)], 16, 64, LONG / 10),
  amax: same((x) => [amax(x, [1], false), amax(x, [0], false), amax(x, [0, 1], true)]),
  amin: same((x) => [amin(x, [1], false), amin(x, [0], false), amin(x, [0, 1], true)]),
  prod: many((d) => [prod(rows(d), [1], false), prod(full(1000, d, 1.05), [0], false)], 32, 2048),
  prodTangent: many(
    (d) => [apply(prodTangentPrim, [rows(d), plain([4, 6], d)], { axes: [1] })],
    4,
    16,
  ),
  prodAdjoint: many((d) => [prodAdjoint(plain([4, 1], d), rows(d), [], [1])], 4, 16),
  cumprod: many((d) => [cumprod(rows(d), 1), cumprod(rows(d), 0)], 4, 16),
  cumprodAdjoint: many((d) => [cumprodAdjoint(plain([4, 6], d), rows(d), [], 1)], 4, 16),
  cumsum: many((d) => [cumsum(rows(d), 1), cumsum(full(LONG, d), 0)], 16),
  alias: same(m.alias),
  barrier: same((x) => barrier(x, e.neg(x))),
  token: same((x) => barrier(e.neg(x), x)),
  detach: same(m.detach),
  reshape: same((x) => m.reshape(x, [8, 3])),
  permute: same((x) => m.permute(x, [1, 0])),
  expand: same((x) => m.expand(x, [2, 4, 6])),
  slice: same((x) => m.slice(x, { starts: [3, 1], sizes: [2, 2], steps: [-2, 3] })),
  pad: same((x) => [m.pad(x, [1, 0], [0, 2], NaN), m.pad(x, [0, 1], [1, 1], -0)]),
  concat: same((x) => m.concat([x, e.neg(x)], 1)),
  gather: same((x) => gather(x, 1, ints([5, 0, 2, 3, 1, 1, 4, -1], [4, 2]))),
  scatterAdd: same((x) => scatterAdd(x, 1, ints([0, 0, 1, 1, 2, 3, 4, 5], [4, 2]), narrow2(x))),
  scatter: same((x) => scatter(x, 1, ints([0, 5, 1, 2, 2, 3, 4, 5], [4, 2]), narrow2(x))),
  indexSelect: same((x) => indexSelect(x, 0, ints([3, 0, 2]))),
  indexAdd: same((x) => indexAdd([5, 6], 0, ints([4, 0, 4, 1]), x)),
  argmax: same((x) => [argmax(x, 1, false), argmax(x, 0, true)]),
  argmin: same((x) => [argmin(x, 1, false), argmin(x, 0, true)]),
  topk: same((x) => [...topk(x, 4, 1, true), ...topk(x, 6, 1, false)]),
  dot: many(
    (d) => [
      dot(rows(d), plain([6, 3], d)),
      dot(rows(d), rows(d), false, true),
      dot(m.reshape(full(LONG, d), [1, LONG]), m.reshape(full(LONG, d, 1), [LONG, 1])),
    ],
    64,
    1024,
    LONG / 10,
  ),
  conv: many((d) => [conv(plain([2, 4, 5, 4], d), plain([2, 2, 3, 2], d), convs)], 8, 8, 8),
  convInputGrad: many(
    (d) => [convInputGrad(plain([1, 2, 2, 3], d), plain([2, 2, 3, 2], d), [1, 4, 4, 4], convs)],
    8,
    8,
    8,
  ),
  convWeightGrad: many(
    (d) => [convWeightGrad(plain([1, 4, 4, 4], d), plain([1, 2, 2, 3], d), [2, 2, 3, 2], convs)],
    8,
    8,
    8,
  ),
  maxPool: many((d) => maxPool(rows(d, [1, 1, 4, 6]), windows)),
  solve: many((d) => [solve(mixed([2, 3, 3], d), mixed([2, 3, 2], d))], 64, 64, 1),
  triangularSolve: many(
    (d) => {
      const t = mixed([2, 5, 5], d);
      return [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
        triangularSolve(t, mixed([2, 5, 3], d), {
          upper: (i & 1) > 0,
          unit: (i & 2) > 0,
          transpose: (i & 4) > 0,
        })
      );
    },
    64,
    64,
    1,
  ),
  lu: many(
    (d) => [...lu(mixed([2, 5, 5], d)), ...lu(mixed([5, 3], d)), ...lu(mixed([3, 5], d))],
    64,
    64,
    1,
  ),
  orderOfPivots: many(() => [orderOf(ints([2, 2, 2]), 4)]),
  det: {
    ...many((d) => [det(mixed([2, 3, 3], d)), det(rows(d, [6, 2, 2]))], 64, 64, 1),
    anySign: true,
  },
  cofactors: many((d) => [cofactors(mixed([2, 4, 4], d))], 256, 256, 1),
  slogdet: many((d) => [...slogdet(mixed([2, 3, 3], d))], 64, 64, 1),
  cholesky: many(
    (d) => [cholesky(dot(mixed([2, 4, 4], d), mixed([2, 4, 4], d), false, true))],
    64,
    64,
    1,
  ),
  qr: many((d) => [...qr(mixed([2, 5, 3], d)), ...qr(mixed([5, 2], d), true)], 64, 64, 1),
  eigh: many(
    (d) => eigh(e.add(mixed([2, 5, 5], d), m.permute(mixed([2, 5, 5], d), [0, 2, 1]))),
    256,
    256,
    1,
  ),
  svd: many((d) => [...svd(mixed([2, 5, 3], d)), ...svd(mixed([3, 4], d))], 256, 256, 1),
  pinv: many((d) => [pinv(mixed([5, 3], d), 1e-5)], 256, 256, 1),
  lstsq: many((d) => [lstsq(mixed([5, 3], d), mixed([5, 2], d), 1e-5)], 256, 256, 1),
  matrixExp: many((d) => [matrixExp(plain([2, 4, 4], d))], 64, 64, 1),
  valueGradient: "a derivative, lowered as products",
  valueTangent: "a derivative, lowered as products",
  symmetricJacobi: made,
  oneSidedJacobi: made,
  expScaling: made,
  repeatedSquare: made,
  adamStep: many((d) => {
    const n = (v: number) => e.num(v, { dtype: d as DType, shape: [] });
    const k = { b1: n(0.9), omb1: n(0.1), b2: n(0.99), omb2: n(0.01), eps: n(1e-8), epsRoot: n(0) };
    return adamStep(rows(d), plain([4, 6], d), e.square(plain([4, 6], d)), {
      ...k,
      c1: n(0.19),
      c2: n(0.0199),
    });
  }, 16),
  custom: same((x) => custom([e.neg(x)], [x], ([g]) => [e.neg(g!)])),
  loop: same((x) => {
    const [state, row] = parametersLike([{ ...x, shape: [6] }, { ...x, shape: [6] }]);
    const step = closeBody([state, row], [e.maximum(e.neg(state), row), e.abs(state)], here);
    const one = m.reshape(m.narrow(x, 0, 0, 1), [6]);
    const { carries, lists } = loop({ step, init: [one], xs: [x], length: 4, reverse: true });
    return [...carries, ...lists];
  }),
  loopPullback: "it is computed as loops",
  cond: same((x) => {
    const [p] = parametersLike([x]);
    const body = (y: Node) => closeBody([p], [y], here);
    return [true, false].flatMap((b) =>
      cond(e.eq(e.num(b ? 1 : 0, x), e.num(1, x)), body(e.neg(p)), body(e.abs(p)), [x])
    );
  }),
};

/** The first two columns. */
function narrow2(x: Node): Node {
  return m.narrow(x, 1, 0, 2);
}
