/** `zeroOrderAsync`: promises, in any order, a bounded number at a time. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  autograd,
  compile,
  diff,
  GradientError,
  manualSeed,
  noGrad,
  randn,
  ShapeError,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import "../../helpers/seed.ts";

const { zeroOrder, zeroOrderAsync } = diff.zeroOrder;

const noise = (shape: readonly number[]) => randn(shape, { dtype: "float64" });
const vector = (data: number[]) => tensor(data, { dtype: "float64", requiresGrad: true });

/** Resolves after a number of turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("zeroOrderAsync() estimates what zeroOrder() does, whatever is done first", async () => {
  const x = vector([1, -2]);
  let calls = 0;
  const cubes = async (x: Tensor) => {
    // Later calls are done earlier.
    await turns(5 - calls++ % 5);
    const [a, b] = await x.dataAsync() as Float64Array;
    return a ** 3 + b ** 3;
  };
  for (
    const options of [
      { method: "naive", shaping: "ranks" },
      { method: "forward", numSamples: 7 },
      { method: "antithetic", orthogonal: true },
    ] as const
  ) {
    for (const concurrency of [1, 3, 100]) {
      const own = { numSamples: 6, sigma: 0.2, ...options };
      manualSeed(4);
      const sync = zeroOrder(noise, own)((x) => x.pow(3).sum())(x);
      const wanted = autograd.grad(sync, [x])[0]!.toArray() as number[];
      manualSeed(4);
      const value = await zeroOrderAsync(noise, { ...own, concurrency })(cubes)(x);
      assertEquals(value.item(), -7);
      const got = autograd.grad(value, [x])[0]!.toArray() as number[];
      got.forEach((v, i) => assert(Math.abs(v - wanted[i]) < 1e-9 * (1 + Math.abs(wanted[i]))));
    }
  }
});

Deno.test("zeroOrderAsync() has at most `concurrency` calls under way", async () => {
  let now = 0, most = 0;
  const f = zeroOrderAsync(noise, { numSamples: 20, concurrency: 3 })(async (x: Tensor) => {
    most = Math.max(most, ++now);
    await turns(1);
    now--;
    return x.sum();
  });
  await f(vector([1]));
  assertEquals([now, most], [0, 3]);
});

Deno.test("zeroOrderAsync() passes the first error on, and begins nothing after it", async () => {
  let calls = 0;
  const f = zeroOrderAsync(noise, { numSamples: 50, concurrency: 2 })(async (_: Tensor) => {
    await turns(1);
    if (++calls === 5) throw new Error("no simulator");
    return 1;
  });
  await assertRejects(() => f(vector([1])), Error, "no simulator");
  assert(calls < 9);
  const wrong = zeroOrderAsync(noise)((x: Tensor) => Promise.resolve(x));
  await assertRejects(() => wrong(vector([1, 2])), ShapeError, "shape [2]");
  const none = zeroOrderAsync(noise)((() => Promise.resolve("no")) as never);
  await assertRejects(() => none(vector([1, 2]) as never), TypeError, '"no"');
  assertThrows(() => zeroOrderAsync(noise, { concurrency: 0 }), RangeError, "concurrency is 0");
  const option = { commonRandomNumbers: true } as never;
  assertThrows(() => zeroOrderAsync(noise, option), TypeError, "no option commonRandomNumbers");
});

Deno.test("zeroOrderAsync() calls once where nothing needs a gradient", async () => {
  let calls = 0;
  const f = zeroOrderAsync(noise, { numSamples: 9 })((x: Tensor) => (calls++, x.sum()));
  assertEquals((await f(tensor([1, 2]))).item(), 3);
  assertEquals((await noGrad(() => f(vector([1, 2])))).item(), 3);
  assertEquals(calls, 2);
});

Deno.test("zeroOrderAsync() keeps the arguments of the call, and has no second derivative", async () => {
  const x = vector([2]);
  const f = zeroOrderAsync(() => tensor([1], { dtype: "float64" }), { method: "antithetic" })(
    async (x: Tensor) => {
      await turns(2);
      return x.square().sum();
    },
  );
  const later = f(x);
  noGrad(() => x.add_(100));
  const value = await later;
  assertEquals(value.item(), 4);
  const [g] = autograd.grad(value, [x], { createGraph: true });
  assertEquals(g!.item(), 4);
  assertThrows(() => autograd.grad(g!.sum(), [x]), GradientError, "differentiated again");
  const traced = compile((x: Tensor) => {
    f(x).catch(() => {});
    return x.mul(1);
  });
  traced(x);
});
