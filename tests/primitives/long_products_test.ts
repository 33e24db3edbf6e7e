/** Matrix products that sum over many elements, or over none. */

import { assert, assertEquals } from "@std/assert";
import {
  autograd,
  compile,
  concat,
  einsum,
  nn,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import type { DType } from "../../src/runtime/mod.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { permute } from "../../src/primitives/movement.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels } from "../helpers/needs.ts";
import { node } from "./nodes.ts";

const everyKernel = kernels.met ? [true, false] : [false];

/** Rows, summed elements, columns. */
const sizes = [
  [1, 1_000_000, 1],
  [3, 200_000, 1],
  [1, 99_991, 2],
  [2, 70_001, 3],
  [9, 40_000, 8],
  [16, 20_000, 1],
  [1, 5000, 300],
];

for (const [m, k, n] of sizes) {
  Deno.test(`a product of ${m} x ${k} x ${n} is accurate with kernels and without`, () => {
    const v = Math.fround(0.1);
    const full = (value: number, shape: number[]) =>
      node(new Float32Array(shape[0] * shape[1]).fill(value), shape, "float32");
    for (const [ta, tb] of [[false, false], [false, true], [true, false], [true, true]]) {
      const y = dot(full(v, ta ? [k, m] : [m, k]), full(1, tb ? [n, k] : [k, n]), ta, tb);
      assertEquals(y.shape, [m, n]);
      for (const ops of everyKernel) {
        for (const got of evaluate([y], ops)[0]) {
          const error = Math.abs(Number(got) / (k * v) - 1);
          assert(error <= 3e-5, `ta ${ta}, tb ${tb}, kernels ${ops}: off by ${error}`);
        }
      }
    }
  });
}

Deno.test("long products put every element in its place", () => {
  // Whole numbers below 2 ** 24: exact in any order.
  const whole = (shape: number[], seed: number, dtype: DType) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return node(Array.from({ length: size }, (_, i) => (i * seed) % 7 - 3), shape, dtype);
  };
  const shapes: [number[], number[], boolean, boolean][] = [
    [[2, 1, 5000], [2, 5000, 3], false, false],
    [[2, 5000, 2], [5000, 1], true, false],
    [[3, 1, 2, 70_000], [2, 1, 70_000], false, true],
    [[70_001, 2], [3, 70_001], true, true],
    [[8, 131_100], [131_100, 9], false, false],
  ];
  for (const [a, b, ta, tb] of shapes) {
    const [got, want] = (["float32", "float64"] as const).map((dtype) => {
      const y = dot(whole(a, 3, dtype), whole(b, 5, dtype), ta, tb);
      return everyKernel.map((ops) => Array.from(evaluate([y], ops)[0], Number));
    });
    assertEquals(got, want);
  }
});

Deno.test("a product over nothing is zero, written in every form", () => {
  for (const dtype of ["float32", "float64", "int64", "int32"] as const) {
    for (const [ta, tb] of [[false, false], [false, true], [true, false], [true, true]]) {
      const a = node([], ta ? [2, 2, 0, 4] : [2, 2, 4, 0], dtype);
      const b = node([], tb ? [2, 5, 0] : [2, 0, 5], dtype);
      const turned = permute(node([], ta ? [2, 2, 4, 0] : [2, 2, 0, 4], dtype), [0, 1, 3, 2]);
      for (const left of [a, turned]) {
        const y = dot(left, b, ta, tb);
        for (const ops of everyKernel) {
          assertEquals(Array.from(evaluate([y], ops)[0], Number), Array(80).fill(0));
        }
      }
    }
  }
});

/** Functions whose sums are over nothing, and what they give. */
const empty: Record<string, [() => Tensor, number]> = {
  "matmul of a transpose": [
    () => zeros([2, 2, 0, 4]).transpose(-1, -2).matmul(zeros([2, 2, 0, 4])),
    0,
  ],
  "matmul of vectors": [() => zeros([0]).matmul(zeros([0])), 0],
  "matmul of computed factors": [() => zeros([3, 0]).exp().matmul(zeros([0, 2]).cos()), 0],
  einsum: [() => einsum("abk,kc->abc", zeros([2, 3, 0]), zeros([0, 4])), 0],
  linear: [() => nn.functional.linear(zeros([4, 0]), zeros([3, 0])), 0],
  "linear with a bias": [
    () => nn.functional.linear(zeros([4, 0]), zeros([3, 0]), tensor([2, 2, 2])),
    2,
  ],
  conv1d: [() => nn.functional.conv1d(zeros([2, 0, 5]), zeros([3, 0, 2])), 0],
  conv2d: [() => nn.functional.conv2d(zeros([2, 0, 5, 5]), zeros([3, 0, 3, 3])), 0],
  sum: [() => zeros([3, 0, 2]).sum(1), 0],
  "sum of what is computed": [() => zeros([3, 0]).exp().sum(), 0],
  "sum over several": [() => zeros([0, 4, 0]).sum([0, 2]), 0],
  prod: [() => zeros([3, 0]).prod(1), 1],
  mean: [() => zeros([3, 0]).mean(1), NaN],
  variance: [() => zeros([3, 0]).var(1), NaN],
  norm: [() => zeros([3, 0]).norm(2, 1), 0],
  logsumexp: [() => zeros([3, 0]).logsumexp(1), -Infinity],
  trace: [() => zeros([0, 0]).trace(), 0],
  det: [() => zeros([2, 0, 0]).det(), 1],
  "sum of cumsum": [() => zeros([3, 0]).cumsum(1).sum(1), 0],
  "sum of cumprod": [() => zeros([0, 3]).cumprod(0).sum(0), 0],
  "sum of softmax": [() => zeros([3, 0]).softmax(1).sum(1), 0],
  indexAdd: [
    () => zeros([3]).indexAdd(0, tensor([], { dtype: "int64" }), zeros([0])),
    0,
  ],
  scatterAdd: [() => zeros([3]).scatterAdd(0, tensor([], { dtype: "int64" }), zeros([0])), 0],
  concat: [() => concat([zeros([2, 0]), zeros([2, 0])], 1).sum(1), 0],
};

for (const [name, [fn, want]] of Object.entries(empty)) {
  Deno.test(`over nothing: ${name}`, () => {
    for (const y of [fn(), compile(fn)()]) {
      assert(y.data().length > 0);
      assertEquals(Array.from(y.data(), Number), Array(y.data().length).fill(want));
    }
  });
}

Deno.test("gradients through products over nothing are empty or zero", () => {
  const a = zeros([3, 0], { requiresGrad: true }), b = zeros([0, 2], { requiresGrad: true });
  const c = zeros([3, 2], { requiresGrad: true });
  const [ga, gb, gc] = autograd.grad(a.matmul(b).add(c).square().sum(), [a, b, c]);
  assertEquals([ga!.shape, gb!.shape, gc!.toArray()], [[3, 0], [0, 2], [[0, 0], [0, 0], [0, 0]]]);
  // The gradient of a weight sums over a batch of none.
  const w = tensor([[1, 2], [3, 4]], { requiresGrad: true });
  const [gw] = autograd.grad(nn.functional.linear(zeros([0, 2]), w).sum(), [w]);
  assertEquals(gw!.toArray(), [[0, 0], [0, 0]]);
});
