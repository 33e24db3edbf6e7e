/** Running sums of many numbers; the rounding must not add up to a percent. */

import { autograd, compile, func, type Tensor, tensor } from "@torchopt/torchopt";
import { assertEquals } from "@std/assert";
import { assertClose } from "../helpers/close.ts";

/** The float32 number next to `v` is what is summed: n times it is the exact sum. */
const exact = (n: number, v: number) => n * Math.fround(v);

for (const [n, v] of [[1_000_000, 0.1], [500_000, 0.3], [1_000_000, -0.7]] as const) {
  Deno.test(`cumsum of ${n} times ${v}`, () => {
    const sums = tensor(new Float32Array(n).fill(v)).cumsum(0).data();
    for (const k of [1, 1000, n >> 1, n]) {
      assertClose(Number(sums[k - 1]), exact(k, v), { rtol: 2e-5, atol: 0 });
    }
  });
}

Deno.test("cumsum of numbers that differ", () => {
  // Groups of seven: 0, 0.1, ... 0.6; whole groups end at a multiple of the sum of one.
  const group = Array.from({ length: 7 }, (_, i) => Math.fround(i * 0.1)), groups = 140_000;
  const values = Float32Array.from({ length: 7 * groups }, (_, i) => group[i % 7]);
  const total = group.reduce((a, b) => a + b, 0);
  const sums = tensor(values).cumsum(0).data();
  for (const k of [1, 100, 70_000, groups]) {
    assertClose(Number(sums[7 * k - 1]), k * total, { rtol: 2e-5, atol: 0 });
  }
});

Deno.test("cumsum along each dimension of a matrix, compiled", () => {
  const n = 500_000, x = tensor(new Float32Array(2 * n).fill(0.3));
  const last = compile((rows: Tensor, columns: Tensor) => [
    rows.cumsum(1).select(1, n - 1),
    columns.cumsum(0).select(0, n - 1),
  ]);
  for (const sums of last(x.reshape(2, n), x.reshape(n, 2))) {
    for (const sum of sums.data()) assertClose(Number(sum), exact(n, 0.3), { rtol: 2e-5, atol: 0 });
  }
});

Deno.test("the gradient of a cumsum is a running sum from the end", () => {
  // sum_k w c_k depends on x_0 through all n running sums: its derivative is n w.
  const n = 1_000_000, x = tensor(new Float32Array(n), { requiresGrad: true });
  const [g] = autograd.grad(x.cumsum(0).mul(0.1).sum(), [x]);
  const slopes = g!.data();
  assertClose(Number(slopes[0]), exact(n, 0.1), { rtol: 2e-5, atol: 0 });
  assertClose(Number(slopes[n >> 1]), exact(n - (n >> 1), 0.1), { rtol: 2e-5, atol: 0 });
});

Deno.test("cumsum of lengths that no part fits, with NaN and infinities", () => {
  for (const n of [129, 131, 1000, 99_991]) {
    const x = tensor(new Float32Array(n).fill(0.1), { requiresGrad: true });
    const y = x.cumsum(0), sums = y.data();
    for (const k of [1, 127, 128, 129, n]) {
      assertClose(Number(sums[k - 1]), exact(k, 0.1), { rtol: 2e-5, atol: 0 });
    }
    const [g] = autograd.grad(y.sum(), [x]);
    assertEquals(Array.from(g!.data().slice(0, 3), Number), [n, n - 1, n - 2]);
    assertEquals(g!.data()[n - 1], 1);
  }
  const values = new Float32Array(1000);
  values[300] = Infinity, values[700] = -Infinity;
  const sums = tensor(values).cumsum(0).data();
  assertEquals([299, 300, 699, 700, 999].map((i) => sums[i]), [0, Infinity, Infinity, NaN, NaN]);
});

Deno.test("cumsum of float16 and whole numbers", () => {
  const halves = tensor(new Float32Array(3000).fill(0.5), { dtype: "float16" }).cumsum(0);
  assertEquals(halves.to("float32").data()[2999], 1500);
  const whole = tensor(new Float32Array(3000).fill(7), { dtype: "int64" }).cumsum(0).data();
  assertEquals([whole[0], whole[2999]], [7n, 21_000n]);
});

Deno.test("cumsum under vmap with second derivatives", () => {
  const x = tensor(new Float32Array(2 * 300).fill(0.5)).reshape(2, 300);
  const slope = func.vmap(func.grad((row: Tensor) => row.cumsum(0).square().sum()));
  // d/dx_i sum_k c_k ** 2 = 2 sum_(k >= i) c_k
  const got = (slope(x) as Tensor).toArray() as number[][];
  for (const row of got) assertClose(row[0], 300 * 301 / 2, { rtol: 2e-5, atol: 0 });
});
