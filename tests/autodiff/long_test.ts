/** Graphs so long that a walk of the whole for each of their steps would never end. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { autograd, func, memory, type Tensor, tensor } from "../../mod.ts";

const leaf = (data: number[] | number) => tensor(data, { dtype: "float64", requiresGrad: true });

/** Counts how often the operands of a node are looked at. */
function watch({ node }: Tensor): () => number {
  const { inputs } = node;
  let count = 0;
  Object.defineProperty(node, "inputs", { get: () => (count++, inputs) });
  return () => count;
}

Deno.test("autograd.grad() of an inner step does not visit the steps before", () => {
  const start = leaf(1), rate = 0.01, steps = 50;
  let x: Tensor = start, visits = () => 0, before = 0;
  for (let k = 0; k < steps; k++) {
    // A fresh leaf beside the old graph, as perturbations are.
    const noise = leaf(0);
    const [g, n] = autograd.grad(x.add(noise).square(), [x, noise], { createGraph: true });
    x = x.sub(g!.add(n!).mul(rate));
    if (k === 9) visits = watch(x);
    if (k === 10) before = visits();
  }
  assertEquals(visits(), before);
  const [g] = autograd.grad(x, [start]);
  assert(visits() > before);
  assertAlmostEquals(g!.item(), (1 - 4 * rate) ** steps, 1e-9);
});

Deno.test("func.grad() of an inner step costs what that step costs", () => {
  const inner = func.grad((x: Tensor) => x.square()), steps = 4000;
  const outer = func.grad((start: Tensor) => {
    let x = start;
    for (let k = 0; k < steps; k++) x = x.sub(inner(x).mul(1e-5));
    return x;
  });
  assertAlmostEquals(outer(leaf(1)).item(), (1 - 2e-5) ** steps, 1e-9);
});

Deno.test("autograd.grad() finds inputs above others, whichever is older", () => {
  const x = leaf(2), y = x.square();
  // A sweep in between: what is made from here on counts as younger.
  autograd.grad(y, [x]);
  const late = leaf(5), z = y.mul(x).mul(late);
  const [gx, gy, gl] = autograd.grad(z, [x, y, late], { createGraph: true });
  assertEquals([gx, gy, gl].map((g) => g!.item()), [60, 10, 8]);
  const unused = autograd.grad(z, [leaf(1), y], { allowUnused: true });
  assertEquals(unused.map((g) => g?.item() ?? null), [null, 10]);
});

Deno.test("gradients of a long graph are computed in one run, with the loss", () => {
  const xs = [leaf(1), leaf(2), leaf(3)];
  const loss = () => {
    let y = xs[0].add(xs[1]).add(xs[2]);
    for (let i = 0; i < 600; i++) y = y.mul(0.999);
    return y;
  };
  const runs = () => memory().runs;
  const first = loss(), before = runs();
  const grads = autograd.grad(first, xs);
  const numbers = grads.map((g) => g!.item());
  assertAlmostEquals(first.item(), 6 * 0.999 ** 600, 1e-9);
  for (const n of numbers) assertAlmostEquals(n, 0.999 ** 600, 1e-9);
  assertEquals(runs() - before, 1);
  const second = loss(), between = runs();
  second.backward();
  second.item();
  for (const x of xs) assertAlmostEquals(x.grad!.item(), 0.999 ** 600, 1e-9);
  assertEquals(runs() - between, 1);
});
