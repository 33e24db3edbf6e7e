/**
 * Loops that make their parameters anew, as one writes them by hand: each iteration costs what it costs,
 * whatever is read, and the numbers are those of the formula.
 */

import { autograd, func, memory, type Tensor, tensor } from "@torchopt/torchopt";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";

const x = [0.5, -1, 2], ITERATIONS = 60;

/** Gradient descent with momentum on mean((x w)^2), in plain numbers. */
function reference(lr: number, mu: number): { w: number; losses: number[] } {
  const square = x.reduce((a, b) => a + b * b, 0) / 3, losses: number[] = [];
  let w = 1, m = 0;
  for (let i = 0; i < ITERATIONS; i++) {
    losses.push(square * w * w);
    m = mu * m + 2 * square * w;
    w -= lr * m;
  }
  return { w, losses };
}

const data = tensor(x, { dtype: "float64" });
const lossOf = (w: Tensor) => data.mul(w).square().mean();
const start = () => tensor(1, { dtype: "float64" });

/** One iteration from parameter and momentum to the loss and the next two. */
type Step = (w: Tensor, m: Tensor, lr: number, mu: number) => [Tensor, Tensor, Tensor];

const steps: Record<string, Step> = {
  "func.valueAndGrad"(w, m, lr, mu) {
    const [loss, g] = func.valueAndGrad(lossOf)(w);
    m = m.mul(mu).add(g);
    return [loss, w.sub(m.mul(lr)), m];
  },
  "parameters that keep their history"(w, m, lr, mu) {
    w = w.requiresGrad ? w : w.requiresGrad_();
    const loss = lossOf(w), [g] = autograd.grad(loss, [w]);
    m = m.mul(mu).add(g!);
    return [loss, w.sub(m.mul(lr)), m];
  },
  "views on the way"(w, m, lr, mu) {
    const [loss, g] = func.valueAndGrad((row: Tensor) => lossOf(row.reshape([])))(w.reshape([1]));
    m = m.mul(mu).add(g.reshape([]));
    return [loss, w.reshape([1, 1]).t().sub(m.mul(lr)).reshape([]), m];
  },
};

for (const [name, step] of Object.entries(steps)) {
  for (const every of [1, 3, ITERATIONS]) {
    Deno.test(`a loop by hand that reads each ${every}. loss: ${name}`, () => {
      const { w: wanted, losses } = reference(0.05, 0.9);
      let w = start(), m = w.mul(0), warm = 0;
      for (let i = 0; i < ITERATIONS; i++) {
        let loss: Tensor;
        [loss, w, m] = step(w, m, 0.05, 0.9);
        if (i % every === 0) assertAlmostEquals(loss.item(), losses[i], 1e-12);
        if (i === ITERATIONS / 2) warm = memory().sessions.created;
      }
      if (every < 10) assert(memory().sessions.created - warm <= 1, "each iteration compiles");
      assertAlmostEquals(w.item(), wanted, 1e-12);
    });
  }
}

Deno.test("gradients reach the first parameters through a history whose values are gone", () => {
  const first = start().requiresGrad_();
  let w: Tensor = first;
  const kept: Tensor[] = [];
  for (let i = 0; i < 5; i++) {
    const loss = lossOf(w);
    const [g] = autograd.grad(loss, [w], { createGraph: true });
    w = w.mul(2).sub(g!.detach().mul(0.1)).add(w);
    kept.push(w);
    loss.item();
    w.item();
  }
  const [toFirst, toThird] = autograd.grad(w.square(), [first, kept[2]]) as Tensor[];
  assertAlmostEquals(toFirst.item(), 2 * w.item() * 3 ** 5, 1e-9);
  assertAlmostEquals(toThird.item(), 2 * w.item() * 9, 1e-9);
});

Deno.test("hooks and gradients of values that only their history is kept of", () => {
  const first = start().requiresGrad_();
  const middle = first.mul(3), last = middle.add(1).add(middle);
  middle.item();
  last.item();
  const seen: number[] = [];
  const hook = middle.registerHook((g) => {
    seen.push(g.item());
    return g.mul(10);
  });
  const [g] = autograd.grad(last, [first], { retainGraph: true });
  assertEquals([g!.item(), seen], [60, [2]]);
  hook.remove();
  assertEquals(autograd.grad(last, [first])[0]!.item(), 6);
});

Deno.test("second derivatives pass a history of products", () => {
  const a = tensor(2, { dtype: "float64" }).requiresGrad_();
  const b = a.mul(a), c = b.mul(3).add(b);
  b.item();
  c.item();
  const [g] = autograd.grad(c, [a], { createGraph: true });
  g!.item();
  assertEquals(autograd.grad(g!, [a])[0]!.item(), 8);
});
