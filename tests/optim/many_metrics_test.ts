/** Many metrics of each step are kept in lists, and read when the training is over. */

import { Adam, compile, full, noGrad, SGD, type Tensor } from "@torchopt/torchopt";
import { assertAlmostEquals, assertEquals } from "@std/assert";

const start = (n: number) => full([n], 2, { requiresGrad: true });

for (const n of [8, 2000]) {
  Deno.test(`norms of 12 layers of ${n} weights, and of their gradients`, () => {
    const layers = Array.from({ length: 12 }, () => start(n));
    const optimizer = new SGD(layers, { lr: 0.25 });
    const weights: Tensor[][] = [], slopes: Tensor[][] = [];
    for (let step = 0; step < 4; step++) {
      optimizer.zeroGrad();
      layers.map((p) => p.square().sum()).reduce((a, b) => a.add(b)).backward();
      optimizer.step();
      noGrad(() => weights.push(layers.map((p) => p.norm())));
      slopes.push(layers.map((p) => p.grad!.norm()));
    }
    weights.forEach((norms, k) =>
      norms.forEach((x) => assertAlmostEquals(x.item(), 2 ** -k * Math.sqrt(n), 1e-3))
    );
    slopes.forEach((norms, k) =>
      norms.forEach((x) => assertAlmostEquals(x.item(), 2 ** (2 - k) * Math.sqrt(n), 1e-3))
    );
  });

  Deno.test(`30 metrics of ${n} weights before each step, eager and compiled`, () => {
    const p = start(n), optimizer = new Adam([p], { lr: 0.5 });
    const step = () => {
      optimizer.zeroGrad();
      p.sum().backward();
      optimizer.step();
    };
    const compiled = compile(step), seen: Tensor[][] = [];
    for (let i = 0; i < 4; i++) {
      seen.push(Array.from({ length: 30 }, (_, k) => p.mul(k).mean()));
      (i % 2 === 0 ? step : compiled)();
    }
    const values = seen.map((metrics) => metrics.map((x) => Math.round(x.item() * 1e3) / 1e3));
    assertEquals(values, [2, 1.5, 1, 0.5].map((x) => values[0].map((_, k) => x * k)));
  });
}
