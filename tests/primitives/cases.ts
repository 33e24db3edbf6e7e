/** One case for each primitive, which drive the tests of derivatives and of batching. */

import { bufferNode, constantNode } from "../../src/graph/leaf.ts";
import { apply, type Node } from "../../src/graph/node.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import { closeBody, parametersLike } from "../../src/graph/body.ts";
import { withGrad } from "../../src/graph/node.ts";
import { cond } from "../../src/primitives/cond.ts";
import { loop } from "../../src/primitives/loop.ts";
import type { LoopSpec } from "../../src/primitives/loop_parts.ts";
import { carryingForward, sweep } from "../../src/primitives/reverse.ts";
import { barrier } from "../../src/primitives/barrier.ts";
import { conv, convInputGrad, convWeightGrad } from "../../src/primitives/conv.ts";
import { custom } from "../../src/primitives/custom.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { adamStep } from "../../src/primitives/fused_adam.ts";
import { gather, indexAdd, indexSelect, scatterAdd } from "../../src/primitives/index.ts";
import { cholesky } from "../../src/primitives/linalg/cholesky.ts";
import { cofactors, det, slogdet } from "../../src/primitives/linalg/determinant.ts";
import { lstsq } from "../../src/primitives/linalg/lstsq.ts";
import { lu } from "../../src/primitives/linalg/lu.ts";
import { matrixExp } from "../../src/primitives/linalg/matrix_exp.ts";
import { pinv } from "../../src/primitives/linalg/pinv.ts";
import { qr } from "../../src/primitives/linalg/qr.ts";
import { solve } from "../../src/primitives/linalg/solve.ts";
import { eigh, svd } from "../../src/primitives/linalg/spectral.ts";
import { valueTangentPrim } from "../../src/primitives/linalg/spectral_values.ts";
import { triangularSolve } from "../../src/primitives/linalg/triangular.ts";
import { dot } from "../../src/primitives/matmul.ts";
import * as m from "../../src/primitives/movement.ts";
import { cumsum } from "../../src/primitives/cumsum.ts";
import { topk } from "../../src/primitives/order.ts";
import { maxPool } from "../../src/primitives/pool.ts";
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
import { Storage } from "../../src/runtime/mod.ts";
import { tensor } from "../../src/tensor/creation.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { forEach } from "./elementwise_table.ts";
import { power } from "../../src/primitives/power.ts";

/** A function of nodes with the shapes of its arguments and the interval they lie in. */
export interface Case {
  shapes: number[][];
  run: (...xs: Node[]) => Node | Node[];
  /** Arguments lie between these (default -1 and 1). */
  from?: number;
  to?: number;
}

const one = (run: (x: Node) => Node, from = -1, to = 1): Case => ({
  shapes: [[2, 3]],
  run,
  from,
  to,
});
const two = (run: (a: Node, b: Node) => Node, from = -1, to = 1): Case => ({
  shapes: [[2, 3], [3]],
  run,
  from,
  to,
});
export const ints = (values: number[], shape = [values.length]): Node =>
  bufferNode(Storage.from(BigInt64Array.from(values, BigInt), "int64"), shape);
const f = (value: number): Node => constantNode(value, "float64");
const convs = { strides: [2, 1], low: [1, 0], high: [0, 1], dilations: [1, 2], groups: 2 };

/** A case for each primitive, or the reason why it has no derivative. The type demands them all. */
export const cases: Record<PrimitiveName, Case | string> = {
  buffer: "a leaf",
  scalar: "a leaf",
  constant: "a leaf",
  ...forEach(({ f, options: { derivative = f, within: [from, to] = [-1, 1] }, arity }) =>
    typeof derivative === "string"
      ? derivative
      : { shapes: arity === 1 ? [[2, 3]] : [[2, 3], [3]], run: derivative as Case["run"], from, to }
  ),
  power: one((x) => e.add(power(x, 4), power(x, 3))),
  softmax: one((x) => softmax(x, [1]), -2, 2),
  logSoftmax: one((x) => logSoftmax(x, [1]), -2, 2),
  logsumexp: one((x) => logsumexp(x, [1], false), -2, 2),
  select: two((a, b) => e.where(e.lt(a, b), e.square(a), e.mul(b, b))),
  cast: one((x) => e.cast(e.mul(x, x), "float64")),
  sum: one((x) => sum(e.square(x), [0], false)),
  amax: one((x) => amax(e.square(x), [1], true)),
  amin: one((x) => amin(e.square(x), [0, 1], false)),
  prod: one((x) => prod(x, [0, 1], false)),
  prodTangent: {
    shapes: [[2, 3], [2, 3]],
    run: (x, v) => apply(prodTangentPrim, [x, v], { axes: [1] }),
  },
  prodAdjoint: {
    shapes: [[2, 1], [2, 3]],
    run: (g, x) => prodAdjoint(g, x, [], [1]),
  },
  alias: one((x) => e.square(m.alias(x))),
  barrier: one((x) => e.square(barrier(x, e.exp(x)))),
  detach: "stops gradients",
  reshape: one((x) => e.square(m.reshape(x, [3, 2]))),
  permute: one((x) => e.square(m.permute(x, [1, 0]))),
  expand: one((x) => e.square(m.expand(x, [4, 2, 3]))),
  slice: one((x) => e.square(m.slice(x, { starts: [1, 2], sizes: [2, 2], steps: [-1, -2] }))),
  pad: one((x) => e.square(m.pad(x, [1, 0], [0, 2], 0.5))),
  concat: two((a, b) => e.square(m.concat([a, m.expand(b, [2, 3]), a], 1))),
  gather: one((x) => e.square(gather(x, 1, ints([2, 0, 0, 1, 1, 2], [2, 3])))),
  scatterAdd: {
    shapes: [[2, 3], [2, 2]],
    run: (x, s) => e.square(scatterAdd(x, 1, ints([2, 2, 0, 1], [2, 2]), s)),
  },
  scatter: {
    shapes: [[2, 3], [2, 2]],
    run: (x, s) => e.square(scatter(x, 1, ints([2, 1, 0, 1], [2, 2]), s)),
  },
  indexSelect: one((x) => e.square(indexSelect(x, 1, ints([2, 0, 2])))),
  indexAdd: { shapes: [[2, 3]], run: (s) => e.square(indexAdd([2, 4], 1, ints([3, 0, 3]), s)) },
  iota: "whole numbers, no operands",
  cumsum: one((x) => e.square(cumsum(x, 1, { exclusive: true, reverse: true }))),
  cumprod: one((x) => cumprod(x, 0)),
  cumprodAdjoint: { shapes: [[2, 3], [2, 3]], run: (g, x) => cumprodAdjoint(g, x, [], 1) },
  argmax: "whole numbers",
  argmin: "whole numbers",
  topk: one((x) => e.square(topk(x, 2, 1, true)[0])),
  dot: { shapes: [[2, 2, 3], [4, 3]], run: (a, b) => dot(a, b, false, true) },
  conv: { shapes: [[2, 4, 5, 4], [2, 2, 3, 2]], run: (x, w) => conv(x, w, convs) },
  convInputGrad: {
    shapes: [[1, 2, 2, 3], [2, 2, 3, 2]],
    run: (g, w) => convInputGrad(g, w, [1, 4, 4, 4], convs),
  },
  convWeightGrad: {
    shapes: [[1, 4, 4, 4], [1, 2, 2, 3]],
    run: (x, g) => convWeightGrad(x, g, [2, 2, 3, 2], convs),
  },
  maxPool: {
    shapes: [[1, 2, 4, 4]],
    run: (x) => {
      const [y] = maxPool(x, {
        kernel: [2, 3],
        strides: [1, 2],
        low: [0, 1],
        high: [1, 0],
        dilations: [1, 1],
      });
      return e.square(y);
    },
  },
  triangularSolve: {
    shapes: [[3, 3], [3, 2]],
    run: (a, b) => [
      triangularSolve(strong(a), b, { upper: false, unit: false, transpose: false }),
      triangularSolve(strong(a), b, { upper: true, unit: true, transpose: true }),
    ],
  },
  lu: {
    shapes: [[2, 3, 3], [4, 3], [3, 5]],
    run: (a, tall, wide) => [lu(strong(a))[0], lu(mixed(tall))[0], lu(mixed(wide))[0]],
  },
  orderOfPivots: "whole numbers",
  solve: {
    shapes: [[3, 3], [3, 2]],
    run: (a, b) => [solve(strong(a), b), solve(strong(a), b, true)],
  },
  det: one((x) => det(dot(x, x, false, true)), 0.3, 2),
  cofactors: { shapes: [[3, 3]], run: (a) => cofactors(strong(a)) },
  slogdet: { shapes: [[3, 3]], run: (a) => slogdet(strong(a))[1] },
  cholesky: { shapes: [[2, 3, 3]], run: (a) => cholesky(strong(dot(a, a, false, true))) },
  qr: {
    shapes: [[4, 3], [3, 3], [2, 4]],
    run: (a, b, c) => [...qr(mixed(a)), ...qr(strong(b), true), ...qr(mixed(c))],
  },
  eigh: {
    shapes: [[3, 3]],
    run: (a) => eigh(e.add(a, m.permute(a, [1, 0]))),
  },
  svd: { shapes: [[4, 3], [2, 3]], run: (a, b) => [...svd(mixed(a)), ...svd(mixed(b))] },
  valueGradient: {
    shapes: [[3, 3], [4, 3], [2, 3]],
    run: (a, b, c) => [
      e.exp(eigh(e.add(a, m.permute(a, [1, 0])))[0]),
      e.square(svd(mixed(b))[1]),
      e.exp(svd(mixed(c))[1]),
    ],
  },
  valueTangent: {
    shapes: [[3, 3], [3, 3], [4, 3]],
    run: (x, y, z) => {
      const a = e.add(x, m.permute(x, [1, 0])), b = mixed(z);
      const [w, v] = eigh(a), [u, s, vh] = svd(b), symmetric = { symmetric: true };
      const along = m.concat([y, m.narrow(y, 0, 0, 1)], 0);
      return [
        apply(valueTangentPrim, [a, v, w, v, y], symmetric),
        apply(valueTangentPrim, [b, u, s, m.permute(vh, [1, 0]), along], { symmetric: false }),
      ];
    },
  },
  pinv: { shapes: [[4, 3], [2, 3]], run: (a, b) => [pinv(mixed(a), 1e-12), pinv(mixed(b), 1e-12)] },
  lstsq: {
    shapes: [[4, 3], [4, 2], [2, 3], [2, 1]],
    run: (a, b, c, d) => [lstsq(mixed(a), b, 1e-12), lstsq(mixed(c), d, 1e-12)],
  },
  matrixExp: { shapes: [[3, 3]], run: (a) => matrixExp(a) },
  symmetricJacobi: "made at lowering",
  oneSidedJacobi: "made at lowering",
  expScaling: "made at lowering",
  repeatedSquare: "made at lowering",
  adamStep: {
    shapes: [[3], [3], [3]],
    from: 0.2,
    to: 1,
    run: (g, mu, nu) =>
      adamStep(g, mu, nu, {
        b1: f(0.9),
        omb1: f(0.1),
        b2: f(0.99),
        omb2: f(0.01),
        eps: f(1e-3),
        epsRoot: f(1e-2),
        c1: f(0.19),
        c2: f(0.0199),
      }),
  },
  adamMany: "made at lowering",
  columns: "made at lowering",
  foldColumns: "made at lowering",
  maxPlaces: "made at lowering",
  scatterZeros: "made at lowering",
  token: two((a, b) => e.mul(barrier(e.square(a), b), e.exp(b))),
  custom: one((x) => custom([e.sin(m.detach(x))], [x], ([g]) => [e.mul(g!, e.cos(x))])[0]),
  project: "a part of its operand",
  // A state s and slices of xs, until s is large: what each iteration gives, and the last state.
  loop: {
    shapes: [[2], [4, 2], []],
    run: (s, xs, a) => {
      const { carries, lists } = loop(looped(s, xs, a));
      return [...carries, ...lists];
    },
  },
  loopPullback: {
    shapes: [[2], [4, 2], [], [2]],
    run: (s, xs, a, g) => {
      const [x, y, z] = [s, xs, a].map((v) => {
        const node = m.alias(v);
        node.requiresGrad = true;
        return node;
      });
      const { carries } = withGrad(true, () => loop(looped(x, y, z)));
      const found = carryingForward(() => sweep(carries, [g], new Set([x, y, z])));
      return [x, y, z].map((v) => found.cotangents.get(v)!);
    },
  },
  cond: {
    shapes: [[], [3], [3]],
    run: (p, x, y) => {
      const [a, b] = parametersLike([x, y]);
      const yes = closeBody([a, b], [e.mul(e.sin(a), b)], here);
      const no = closeBody([a, b], [e.sub(e.mul(a, a), b)], here);
      return cond(e.lt(p, f(0)), yes, no, [x, y]);
    },
  },
};

/** Matrices with a strong diagonal. */
function strong(x: Node): Node {
  return e.add(x, m.reshape(tensorOf([4, 0, 0, 0, 5, 0, 0, 0, 6]), [3, 3]));
}

/** Matrices of full rank: the arguments are evenly spaced, so that theirs is 2. */
function mixed(x: Node): Node {
  const added = Array.from({ length: sizeOf(x.shape) }, (_, i) => (i * i * 31 + 5 * i) % 13 / 4);
  return e.add(x, m.reshape(tensorOf(added), x.shape));
}

/** Bodies that are made here read nothing of their surroundings but by operands. */
export const here = { run: <T>(fn: () => T) => ({ result: fn(), reads: [] }) };

function looped(s: Node, xs: Node, a: Node): LoopSpec {
  const [state, count, slice, factor] = parametersLike([
    s,
    { shape: [], dtype: "float64" },
    { shape: [2], dtype: "float64" },
    a,
  ]);
  const next = e.tanh(e.add(e.mul(factor, state), slice)), after = e.add(count, f(1));
  const outside = new Map([[factor, a]]);
  const all = [state, count];
  return {
    step: closeBody([...all, slice], [next, after, e.mul(state, next)], here, outside),
    test: closeBody(all, [e.lt(e.mul(sum(state, [0], false), count), f(1.2))], here),
    init: [s, f(0)],
    xs: [xs],
    length: 4,
  };
}

function tensorOf(values: number[]): Node {
  return bufferNode(Storage.from(Float64Array.from(values), "float64"), [values.length]);
}

/** Distinct values, away from ties and kinks at the middle of the interval. */
export function argument(shape: number[], k: number, from: number, to: number): Tensor {
  const n = sizeOf(shape);
  const data = Array.from({ length: n }, (_, i) => {
    const t = ((i * 7 + 3 * k + 1) % (n + 5) + 0.37 + 0.11 * k) / (n + 5.8);
    return from + (to - from) * t;
  });
  return tensor(data, { shape, dtype: "float64" });
}
