/** The kernel of running sums against the graph that it stands for. */

import { assert, assertEquals } from "@std/assert";
import { constantNode } from "../../src/graph/leaf.ts";
import { type Node, withGrad } from "../../src/graph/node.ts";
import { type Shape, sizeOf } from "../../src/graph/shape.ts";
import { lower } from "../../src/lower/lower.ts";
import { walk } from "../../src/lower/walk.ts";
import { cumsum } from "../../src/primitives/cumsum.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { sum } from "../../src/primitives/reduce.ts";
import { sweep } from "../../src/primitives/reverse.ts";
import { targetOf } from "../../src/runtime/mod.ts";
import { assertClose } from "../helpers/close.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels, testWith } from "../helpers/needs.ts";
import { node, sample } from "../primitives/nodes.ts";

const shapes: [Shape, number][] = [
  [[1], 0],
  [[7], 0],
  [[0], 0],
  [[2, 0, 3], 1],
  [[0, 4], 1],
  [[3, 5, 2], 0],
  [[3, 5, 2], 1],
  [[3, 5, 2], 2],
  [[2, 9, 200], 1],
  [[70_000], 0],
  [[300, 130], 0],
];

/** A running sum and what it gives to the first and second order. */
function derived(x: Node, axis: number, options: { exclusive: boolean; reverse: boolean }): Node[] {
  return withGrad(true, () => {
    const y = cumsum(x, axis, options), all = [y];
    let loss = sum(e.tanh(y), y.shape.map((_, i) => i), false);
    for (let order = 1; order <= 2; order++) {
      const { cotangents } = sweep([loss], [constantNode(1, loss.dtype)], new Set([x]));
      const g = cotangents.get(x)!;
      all.push(g);
      loss = sum(e.square(g), g.shape.map((_, i) => i), false);
    }
    return all;
  });
}

for (const dtype of ["float32", "float64"] as const) {
  testWith(kernels, `RunningSum agrees with its graph to order 2 in ${dtype}`, () => {
    for (const [shape, axis] of shapes) {
      for (const exclusive of [false, true]) {
        for (const reverse of [false, true]) {
          const x = node(sample(shape, 1, 0.3), shape, dtype);
          x.requiresGrad = true;
          const nodes = derived(x, axis, { exclusive, reverse });
          const [fast, plain] = [true, false].map((ops) => evaluate(nodes, ops));
          const tolerance = dtype === "float32" ? 1e-4 : 1e-9;
          const what = `[${shape}], axis ${axis}, exclusive ${exclusive}, reverse ${reverse}`;
          fast.forEach((v, k) => {
            const scale = Array.from(plain[k], Number).reduce(
              (m, v) => Math.max(m, Math.abs(v)),
              1,
            );
            const allowed = { rtol: 0, atol: tolerance * scale };
            assertClose(v, plain[k], allowed, `${what}, value ${k}`);
          });
        }
      }
    }
  });
}

testWith(kernels, "RunningSum adds float32 up in float64, keeps -0 and lets NaN through", () => {
  const n = 1_000_003, x = node(new Float32Array(n).fill(0.1), [n], "float32");
  const nodes = [cumsum(x, 0)];
  const { summary } = lower(walk(nodes), nodes, [], targetOf("cpu", true));
  assert(summary.join("\n").startsWith("cumsum"), summary.join("\n"));
  const sums = evaluate(nodes, true)[0] as Float32Array;
  for (const i of [1, 1000, n - 1]) assertEquals(sums[i], Math.fround(Math.fround(0.1) * (i + 1)));
  const special = node([-0, -0, 1, NaN, 2, Infinity], [6], "float32");
  const got = evaluate([cumsum(special, 0)], true)[0];
  assertEquals([...got], [-0, -0, 1, NaN, NaN, NaN]);
  assertEquals(sizeOf(special.shape), 6);
});
