/**
 * Sums of many numbers, with the compiled kernels and (TORCHOPT_OPS=off) without them: the fallback may
 * round differently, not be a percent off.
 */

import { autograd, compile, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { assert, assertAlmostEquals } from "@std/assert";
import { sum } from "../../src/primitives/reduce.ts";
import { assertClose } from "../helpers/close.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels } from "../helpers/needs.ts";
import { node } from "./nodes.ts";

const n = 1_000_000;

/** What is summed is the float32 number next to `v`; n times it is the exact sum. */
const exact = (count: number, v: number) => count * Math.fround(v);

const full = (v: number, count = n) => tensor(new Float32Array(count).fill(v));

for (const v of [0.1, 0.7, -0.3]) {
  Deno.test(`sum, mean and norm of a million times ${v}`, () => {
    const x = full(v);
    assertClose(x.sum().item(), exact(n, v), { rtol: 2e-5, atol: 0 });
    assertClose(x.mean().item(), Math.fround(v), { rtol: 2e-5, atol: 0 });
    assertClose(x.norm().item(), Math.sqrt(n) * Math.abs(Math.fround(v)), { rtol: 2e-5, atol: 0 });
  });
}

Deno.test("sums over either dimension of a long matrix", () => {
  const x = full(0.1);
  assertClose(x.reshape(n, 1).sum(0).item(), exact(n, 0.1), { rtol: 2e-5, atol: 0 });
  assertClose(x.reshape(1, n).sum(1).item(), exact(n, 0.1), { rtol: 2e-5, atol: 0 });
  for (const sum of x.reshape(n / 2, 2).sum(0).data()) {
    assertClose(Number(sum), exact(n / 2, 0.1), { rtol: 2e-5, atol: 0 });
  }
  for (const sum of x.reshape(4, n / 4).mean(1).data()) {
    assertClose(Number(sum), Math.fround(0.1), { rtol: 2e-5, atol: 0 });
  }
});

Deno.test("sum of numbers that differ", () => {
  // 0, 0.1, ... 0.6 over and over.
  const group = Array.from({ length: 7 }, (_, i) => Math.fround(i * 0.1)), groups = 140_000;
  const x = tensor(Float32Array.from({ length: 7 * groups }, (_, i) => group[i % 7]));
  const total = group.reduce((a, b) => a + b, 0);
  assertClose(x.sum().item(), groups * total, { rtol: 2e-5, atol: 0 });
  assertClose(x.reshape(groups, 7).sum(0).sum().item(), groups * total, { rtol: 2e-5, atol: 0 });
});

Deno.test("sums inside a compiled function", () => {
  const sums = compile((x: Tensor) => [x.sum(), x.reshape(n, 1).sum(0), x.square().mean()]);
  const [all, column, square] = sums(full(0.1)).map((t) => t.item());
  assertClose(all, exact(n, 0.1), { rtol: 2e-5, atol: 0 });
  assertClose(column, exact(n, 0.1), { rtol: 2e-5, atol: 0 });
  assertClose(square, Math.fround(0.1) ** 2, { rtol: 2e-5, atol: 0 });
});

Deno.test("the gradient of a bias of a million rows", () => {
  // d/db sum(0.1 (x + b)) = 0.1 n
  const b = tensor([0], { requiresGrad: true });
  const [g] = autograd.grad(full(0.3).reshape(n, 1).add(b).mul(0.1).sum(), [b]);
  assertClose(g!.item(), exact(n, 0.1), { rtol: 2e-5, atol: 0 });
});

Deno.test("a mean squared error over a million predictions", () => {
  // Every difference is 0.5 exactly: loss 0.25, and db = 2 * 0.5 summed over 1/n each = 1.
  const b = tensor([0.5], { requiresGrad: true });
  const loss = nn.functional.mseLoss(b.expand(n), full(0));
  assertClose(loss.item(), 0.25, { rtol: 2e-5, atol: 0 });
  assertClose(autograd.grad(loss, [b])[0]!.item(), 1, { rtol: 2e-5, atol: 0 });
});

/** Shapes with the axes that are summed; primes cannot be cut into equal parts. */
const layouts: [number[], number[]][] = [
  [[999_983], [0]],
  [[999_983, 1], [0]],
  [[65_537, 3], [0]],
  [[3, 65_537], [1]],
  [[5, 20_011, 7], [1]],
  [[20_000, 3, 5], [0, 2]],
  [[3, 2, 100_003], [0, 2]],
  [[50, 3, 40, 2, 60], [0, 2, 4]],
  [[2, 300_000, 1], [1, 2]],
  [[1000, 1000], [0, 1]],
];

for (const [shape, axes] of layouts) {
  Deno.test(`a sum of [${shape}] over [${axes}] is accurate with kernels and without`, () => {
    const count = axes.reduce((n, a) => n * shape[a], 1);
    const size = shape.reduce((n, d) => n * d, 1);
    for (const [dtype, rtol] of [["float32", 3e-6], ["float64", 1e-14]] as const) {
      const v = dtype === "float32" ? Math.fround(0.1) : 0.1;
      const y = sum(node(new Float64Array(size).fill(v), shape, dtype), axes, false);
      for (const ops of kernels.met ? [true, false] : [false]) {
        for (const got of evaluate([y], ops)[0]) {
          const error = Math.abs(Number(got) / (count * v) - 1);
          assert(error <= rtol, `${dtype}, kernels ${ops}: off by ${error}`);
        }
      }
    }
  });
}

Deno.test("long sums meet NaN, infinities and what cancels", () => {
  const long = (first: number, last: number) => {
    const values = new Float32Array(n);
    values[0] = first, values[n - 1] = last;
    return tensor(values).sum().item();
  };
  assert(Number.isNaN(long(NaN, 1)) && Number.isNaN(long(Infinity, -Infinity)));
  assert(long(1, Infinity) === Infinity && long(-Infinity, 3) === -Infinity);
  assert(long(1e30, -1e30) === 0);
});

Deno.test("long sums of float16 do not overflow on the way", () => {
  const values = new Float32Array(100_000).fill(8, 0, 50_000).fill(-8, 50_000);
  assert(tensor(values, { dtype: "float16" }).sum().to("float32").item() === 0);
  assertAlmostEquals(full(0.5, 100_000).to("float16").sum().to("float32").item(), 50_000, 32);
});

Deno.test("int64 sums stay exact", () => {
  const x = tensor(new Float32Array(n).fill(3)).to("int64");
  assert(x.sum().item() === 3 * n);
  assert(x.reshape(n / 2, 2).sum(0).data()[1] === 3n * BigInt(n / 2));
});
