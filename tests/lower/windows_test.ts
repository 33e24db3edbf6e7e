import { assert, assertEquals } from "@std/assert";
import { sweep } from "../../src/primitives/reverse.ts";
import { bufferNode, constantNode } from "../../src/graph/leaf.ts";
import { lower } from "../../src/lower/lower.ts";
import { type Node, withGrad } from "../../src/graph/node.ts";
import { type Shape, sizeOf } from "../../src/graph/shape.ts";
import { walk } from "../../src/lower/walk.ts";
import { conv } from "../../src/primitives/conv.ts";
import { type ConvAttrs, convShape } from "../../src/primitives/conv_shape.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { scatterAdd } from "../../src/primitives/index.ts";
import { expand } from "../../src/primitives/movement.ts";
import { maxPool } from "../../src/primitives/pool.ts";
import { sum } from "../../src/primitives/reduce.ts";
import { type DType, DTYPES, Storage, targetOf } from "../../src/runtime/mod.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels, testWith } from "../helpers/needs.ts";
import { node } from "../primitives/nodes.ts";

function leaf(dtype: DType, shape: Shape, seed: number): Node {
  const n = sizeOf(shape), { view, bytes } = DTYPES[dtype];
  const data = view(new ArrayBuffer(n * bytes), 0, n);
  for (let i = 0; i < n; i++) data[i] = Math.sin(seed + 12.9898 * (i + 1)) as never;
  const result = bufferNode(Storage.from(data, dtype), shape);
  result.requiresGrad = true;
  return result;
}

const total = (x: Node) => sum(e.tanh(x), x.shape.map((_, i) => i), false);

/** A value and its derivatives up to the third order. */
function derivatives(y: Node, leaves: readonly Node[]): Node[] {
  const all = [y];
  let loss = total(y);
  for (let order = 1; order <= 3; order++) {
    const { cotangents } = sweep([loss], [constantNode(1, loss.dtype)], new Set(leaves));
    const grads = leaves.map((x) => cotangents.get(x)).filter((g) => g !== undefined);
    all.push(...grads);
    loss = grads.map(total).reduce((a, b) => e.add(a, b));
  }
  return all;
}

function chosen(nodes: readonly Node[]): string {
  return lower(walk(nodes), nodes, [], targetOf("cpu", true)).summary.join("\n");
}

function numbers(nodes: readonly Node[], ops: boolean): number[][] {
  return evaluate(nodes, ops).map((values) => Array.from(values as Float64Array, Number));
}

function agree(nodes: readonly Node[], dtype: DType, what: string): void {
  const tolerance = dtype === "float64" ? 1e-11 : 2e-4;
  const fast = numbers(nodes, true), plain = numbers(nodes, false);
  nodes.forEach((_, k) => {
    const scale = plain[k].reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
    plain[k].forEach((v, i) => {
      const near = Math.abs(fast[k][i] - v) <= tolerance * scale;
      assert(near, `${what}: value ${k}, element ${i}: ${fast[k][i]} and ${v}`);
    });
  });
}

/** What the batching rule of a node makes of operands that are all batched. */
function batchRule(node: Node, xs: Node[], size: number): Node | Node[] {
  const rule = node.prim.batch;
  if (typeof rule === "string") throw new Error(rule);
  return rule(node, xs, xs.map(() => true), size);
}

interface Case {
  x: Shape;
  w: Shape;
  attrs: ConvAttrs;
}

function make(x: Shape, w: Shape, options: Partial<ConvAttrs> = {}): Case {
  const all = (n: number) => new Array<number>(x.length - 2).fill(n);
  const attrs = { strides: all(1), low: all(0), high: all(0), dilations: all(1), groups: 1 };
  return { x, w, attrs: { ...attrs, ...options } };
}

const cases: Case[] = [
  make([3, 2, 7, 5], [4, 2, 3, 2], { low: [1, 1], high: [1, 0] }),
  make([2, 3, 12, 13], [2, 3, 3, 3], { low: [1, 1], high: [1, 1] }),
  make([2, 2, 9, 8], [3, 2, 2, 3], { strides: [2, 3], low: [1, 0], high: [0, 2] }),
  make([2, 4, 6, 9], [6, 2, 2, 3], { groups: 2, dilations: [2, 1], low: [1, 2], high: [1, 2] }),
  make([1, 3, 6, 6], [3, 1, 2, 2], { groups: 3, strides: [2, 2] }),
  make([2, 3, 4, 4], [5, 3, 1, 1]),
  make([2, 2, 11], [3, 2, 4], { strides: [2], dilations: [2], low: [3], high: [1] }),
  make([1, 2, 4, 3, 5], [2, 2, 2, 2, 3], { low: [1, 0, 1], high: [0, 1, 1] }),
  make([1, 2, 3, 3], [2, 2, 3, 3], { low: [4, 5], high: [4, 3] }), // windows of padding only
];

for (const dtype of ["float64", "float32"] as const) {
  testWith(
    kernels,
    `convolutions with kernels agree with their graphs to order 3 in ${dtype}`,
    () => {
      for (const c of cases) {
        const nodes = withGrad(true, () => {
          const x = leaf(dtype, c.x, 1), w = leaf(dtype, c.w, 2);
          return derivatives(conv(x, w, c.attrs), [x, w]);
        });
        assertEquals(nodes[0].shape, convShape("conv", c.x, c.w, c.attrs));
        const summary = chosen(nodes);
        assert(/^columns/m.test(summary), summary);
        if (dtype === "float64") assert(/^foldColumns/m.test(summary), summary);
        agree(nodes, dtype, JSON.stringify(c));
      }
    },
  );

  testWith(
    kernels,
    `convolutions of a batch agree with their graphs to order 3 in ${dtype}`,
    () => {
      // Enough rows in each of the matrices, so that float32 makes products, too.
      const batches: Case[] = [
        make([2, 2, 5, 4], [16, 2, 3, 3], { low: [1, 1], high: [1, 1] }),
        make([3, 4, 6, 7], [32, 2, 3, 3], { groups: 2, strides: [2, 1], high: [1, 0] }),
        make([1, 3, 9], [16, 3, 6], { low: [2] }),
      ];
      for (const c of batches) {
        const example = withGrad(
          true,
          () => conv(leaf(dtype, c.x, 1), leaf(dtype, c.w, 2), c.attrs),
        );
        const nodes = withGrad(true, () => {
          const x = leaf(dtype, [3, ...c.x], 1), w = leaf(dtype, [3, ...c.w], 2);
          return derivatives(batchRule(example, [x, w], 3) as Node, [x, w]);
        });
        const summary = chosen(nodes);
        assert(/^columns/m.test(summary) && /^foldColumns/m.test(summary), summary);
        agree(nodes, dtype, JSON.stringify(c));
      }
    },
  );

  Deno.test(`maxPool() of a batch counts places within an example in ${dtype}`, () => {
    for (const low of [[0, 0], [1, 0]]) { // with padding there is no kernel
      const attrs = { kernel: [2, 2], strides: [2, 1], low, high: low, dilations: [1, 1] };
      const shape = [2, 2, 5, 4], size = sizeOf(shape);
      const example = maxPool(leaf(dtype, shape, 3), attrs)[0].inputs[0];
      const x = withGrad(true, () => leaf(dtype, [3, ...shape], 3));
      const [y, places] = withGrad(true, () => batchRule(example, [x], 3) as Node[]);
      const [numbersOfX, values, found] = numbers([x, y, places], kernels.met);
      const each = values.length / 3;
      values.forEach((v, i) => {
        assertEquals(numbersOfX[Math.floor(i / each) * size + found[i]], v);
      });
      if (!kernels.met) continue;
      const nodes = withGrad(true, () => [...derivatives(y, [x]), places]);
      const summary = chosen(nodes);
      assert(/^scatterZeros/m.test(summary), summary);
      agree(nodes, dtype, JSON.stringify(attrs));
    }
  });

  testWith(
    kernels,
    `maxPool() with its kernel agrees with its graph to order 3 in ${dtype}`,
    () => {
      const shapes: [Shape, Shape, Shape, Shape][] = [
        [[2, 3, 7, 9], [2, 2], [2, 2], [1, 1]],
        [[1, 2, 8, 7], [3, 2], [1, 1], [1, 2]],
        [[2, 1, 10], [3], [3], [1]],
        [[1, 2, 5, 6, 4], [2, 3, 2], [2, 1, 1], [1, 1, 2]],
      ];
      for (const [shape, kernel, strides, dilations] of shapes) {
        const low = kernel.map(() => 0);
        const nodes = withGrad(true, () => {
          const x = leaf(dtype, shape, 3);
          const [y, places] = maxPool(x, { kernel, strides, low, high: low, dilations });
          return [...derivatives(y, [x]), places];
        });
        const summary = chosen(nodes);
        assert(/^maxPlaces/m.test(summary) && /^scatterZeros/m.test(summary), summary);
        agree(nodes, dtype, JSON.stringify({ shape, kernel, strides, dilations }));
      }
    },
  );
}

testWith(kernels, "maxPool() takes the first of equals and lets NaN through", () => {
  const x = node([1, 1, 1, 1, 2, NaN, 3, NaN, -Infinity, -Infinity], [1, 1, 10]);
  const attrs = { kernel: [2], strides: [2], low: [0], high: [0], dilations: [1] };
  const [values, places] = numbers(maxPool(x, attrs), true);
  assertEquals(values, [1, 1, NaN, NaN, -Infinity]);
  assertEquals(places, [0, 2, 5, 7, 8]);
});

testWith(
  kernels,
  "scatterAdd() on zeros accumulates, counts from the end and reports wrong places",
  () => {
    const zeros = expand(e.num(0, node([0], [])), [4]);
    const added = (places: number[]) =>
      scatterAdd(zeros, 0, node(places, [3], "int64"), node([1, 2, 4], [3]));
    assert(/^scatterZeros/m.test(chosen([added([0, 0, 1])])));
    assertEquals(numbers([added([0, -1, 0])], true)[0], [5, 0, 0, 2]);
    const rows = scatterAdd(
      expand(e.num(0, node([0], [])), [2, 3]),
      1,
      node([0, -1, 2, 2], [2, 2], "int64"),
      node([1, 2, 3, 4], [2, 2]),
    );
    assert(/^scatterZeros/m.test(chosen([rows])));
    assertEquals(numbers([rows], true)[0], [1, 0, 2, 0, 0, 7]);
    for (const wrong of [4, -5]) {
      let message = "";
      try {
        evaluate([added([0, wrong, 0])], true);
      } catch (error) {
        assert(error instanceof RangeError);
        message = error.message;
      }
      assert(message.includes(`the index ${wrong} `) && message.includes("from -4 to 3"), message);
    }
  },
);
