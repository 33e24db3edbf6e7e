/** What an implicit gradient costs does not depend on how long the solver took. */

import { assertEquals } from "@std/assert";
import { autograd, diff, explain, memory, type Tensor, tensor } from "@torchopt/torchopt";
import "../../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

Deno.test("the graph of an implicit gradient is the same for 10, 100 and 1 000 iterations", () => {
  const slope = (x: Tensor, a: Tensor) => x.pow(3).add(x).sub(a);
  const facts = [10, 100, 1000].map((iterations) => {
    const solve = diff.implicit.customRoot(slope, { argnums: 1 })((x: Tensor, a: Tensor) => {
      for (let k = 0; k < iterations; k++) x = x.sub(slope(x, a).mul(0.1)).detach();
      return x;
    });
    const a = tensor([1, 2, 3], { ...f64, requiresGrad: true }), start = a.detach().mul(0);
    const x = solve(start, a);
    x.data();
    const before = memory().storages.live, [g] = autograd.grad(x.sum(), [a]);
    const steps = String(explain(g!)).split("\n").length;
    g!.data();
    return [steps, memory().storages.live - before];
  });
  assertEquals(facts[1], facts[0]);
  assertEquals(facts[2], facts[0]);
});
