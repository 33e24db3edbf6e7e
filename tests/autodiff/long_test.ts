/** Graphs so long that a walk of the whole for each of their steps would never end. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { autograd, func, type Tensor, tensor } from "../../mod.ts";

const leaf = (data: number[] | number) => tensor(data, { dtype: "float64", requiresGrad: true });

Deno.test("autograd.grad() of an inner step costs what that step costs", () => {
  const start = leaf(1), rate = 1e-5, steps = 10_000;
  let x: Tensor = start;
  for (let k = 0; k < steps; k++) {
    // A fresh leaf beside the old graph, as perturbations are.
    const noise = leaf(0);
    const [g, n] = autograd.grad(x.add(noise).square(), [x, noise], { createGraph: true });
    x = x.sub(g!.add(n!).mul(rate));
  }
  const [g] = autograd.grad(x, [start]);
  assertAlmostEquals(g!.item(), (1 - 4 * rate) ** steps, 1e-9);
});

Deno.test("func.grad() of an inner step costs what that step costs", () => {
  const inner = func.grad((x: Tensor) => x.square()), steps = 10_000;
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
