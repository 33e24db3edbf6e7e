import { assert } from "@std/assert";
import fc from "fast-check";
import { sweep } from "../../src/primitives/reverse.ts";
import { bufferNode, constantNode, numberNode } from "../../src/graph/leaf.ts";
import { type Node, withGrad } from "../../src/graph/node.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { expand, flip, narrow, permute, reshape } from "../../src/primitives/movement.ts";
import { amax, sum } from "../../src/primitives/reduce.ts";
import { type DType, DTYPES, Storage } from "../../src/runtime/mod.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels, testWith } from "../helpers/needs.ts";

/** Choices from which a graph is built: each entry picks an operation and its operands. */
type Plan = { op: number; a: number; b: number }[];

const M = 3, N = 5;
const shapes = [[M, N], [N], [M, 1], [1, N], []];

function leaf(shape: number[], dtype: DType, seed: number): Node {
  const n = sizeOf(shape);
  const data = DTYPES[dtype].view(new ArrayBuffer(Math.max(8, n * DTYPES[dtype].bytes)), 0, n);
  for (let i = 0; i < n; i++) data[i] = Math.sin(seed * 12.9898 + i * 4.1414) * 1.3 as never;
  const node = bufferNode(Storage.from(data, dtype), shape);
  node.requiresGrad = true;
  return node;
}

/** Smooth operations only, so that derivatives of every order can be compared. */
function build(plan: Plan, dtype: DType): { leaves: Node[]; output: Node } {
  const leaves = shapes.map((s, i) => leaf(s, dtype, i + 1));
  const pool = [...leaves];
  for (const { op, a, b } of plan) {
    const x = pool[a % pool.length], y = pool[b % pool.length];
    const safe = (n: Node) => e.add(e.square(n), constantNode(1, dtype));
    const full = (n: Node) => expand(n, [M, N]);
    const make: (() => Node)[] = [
      () => e.add(x, y),
      () => e.sub(x, y),
      () => e.mul(x, y),
      () => e.div(x, safe(y)),
      () => e.tanh(x),
      () => e.sigmoid(e.mul(x, numberNode(0.7, dtype))),
      () => e.sqrt(safe(x)),
      () => e.sin(e.add(x, numberNode(0.3, dtype))),
      () => e.log(safe(x)),
      () => e.exp(e.tanh(x)),
      () => e.where(e.lt(x, y), e.square(x), y),
      () => e.neg(x),
      () => sum(full(x), [0], true),
      () => sum(full(x), [1], true),
      () => reshape(sum(full(x), [0, 1], false), []),
      () => amax(full(x), [1], true),
      () =>
        dot(permute(full(x), [1, 0]), full(y)).shape.length === 2
          ? narrow(dot(full(x), dot(full(y), full(x), true, false)), 1, 0, 1)
          : x,
      () => permute(reshape(permute(full(x), [1, 0]), [N, M]), [1, 0]),
      () => flip(full(x), [1]),
      () => narrow(full(x), 0, 1, 1),
      () => e.cast(e.lt(x, y), dtype),
    ];
    pool.push(make[op % make.length]());
  }
  const last = pool.slice(-3).reduce((p, q) => e.add(p, q));
  return { leaves, output: sum(e.tanh(expand(last, [M, N])), [0, 1], false) };
}

/** The value, and the sums of first, second and third derivatives. */
function upToThirdOrder(plan: Plan, dtype: DType): Node[] {
  return withGrad(true, () => {
    const { leaves, output } = build(plan, dtype);
    const results = [output];
    let y = output;
    for (let order = 1; order <= 3; order++) {
      const seed = constantNode(1, dtype);
      const { cotangents } = sweep([y], [seed], new Set(leaves));
      const grads = leaves.map((x) => cotangents.get(x)).filter((g): g is Node => g !== undefined);
      results.push(...grads);
      if (grads.length === 0) break;
      const sums = grads.map((g, i) =>
        sum(
          e.mul(e.sin(e.add(g, constantNode(i, dtype))), constantNode(1, dtype)),
          g.shape.map((_, k) => k),
          false,
        )
      );
      y = sums.reduce((p, q) => e.add(p, q));
      if (!y.requiresGrad) break;
    }
    return results;
  });
}

const plans = fc.array(
  fc.record({ op: fc.nat(), a: fc.nat(), b: fc.nat() }),
  { minLength: 1, maxLength: 14 },
);

function distance(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const x = Number(a[i]), y = Number(b[i]);
    if (!Object.is(x, y)) worst = Math.max(worst, Math.abs(x - y) / Math.max(1, Math.abs(y)));
  }
  return worst;
}

testWith(kernels, "Program agrees with plain ONNX nodes to order 3 in float64", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const nodes = upToThirdOrder(plan, "float64");
      const fused = evaluate(nodes, true), plain = evaluate(nodes, false);
      nodes.forEach((_, k) => assert(distance(fused[k], plain[k]) <= 1e-9, `value ${k} differs`));
    }),
    { numRuns: 40, seed: 7 },
  );
});

testWith(kernels, "Program is as accurate as plain ONNX nodes in float32", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const exact = evaluate(upToThirdOrder(plan, "float64"), false);
      const nodes = upToThirdOrder(plan, "float32");
      const fused = evaluate(nodes, true), plain = evaluate(nodes, false);
      nodes.forEach((_, k) => {
        const ours = distance(fused[k], exact[k]), theirs = distance(plain[k], exact[k]);
        assert(ours <= 8 * theirs + 1e-4, `value ${k}: error ${ours} fused, ${theirs} plain`);
      });
    }),
    { numRuns: 25, seed: 7 },
  );
});
