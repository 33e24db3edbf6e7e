/** Graphs that are lowered more than once, for several targets. */

import { assertEquals } from "@std/assert";
import {
  autograd,
  func,
  linearSolve,
  randn,
  solvers,
  type Tensor,
  zeros,
} from "@torchopt/torchopt";
import { lower, type Lowered } from "../../src/lower/lower.ts";
import { walk } from "../../src/lower/walk.ts";
import { targetOf } from "../../src/runtime/mod.ts";
import "../helpers/seed.ts";

const size = { requiresGrad: true } as const;
const graphs: Record<string, () => Tensor[]> = {
  "a loop and its derivative": () => {
    const x = randn([4], size);
    const y = func.foriLoop(0, 5, (_, c: Tensor) => c.softmax(0).add(x.sigmoid()), x.mul(0)).sum();
    return [y, ...autograd.grad(y.add(x.square().mean()), [x]) as Tensor[]];
  },
  "a fixed point and its derivative": () => {
    const [w, u, v] = [randn([4, 4], size), randn([2, 4], size), randn([1, 4], size)];
    const { value } = solvers.fixedPoint(
      (z: Tensor) => z.matmul(w.mul(0.1)).add(u).tanh(),
      zeros([2, 4]),
      { method: solvers.picard(), solve: linearSolve.solveBicgstab({ rtol: 1e-6 }), maxiter: 100 },
    );
    const loss = value.matmul(v.t()).sub(1).square().mean();
    return [loss, ...autograd.grad(loss, [w, u, v]) as Tensor[]];
  },
  "a choice": () => {
    const x = randn([4], size);
    const y = func.cond(x.sum().gt(0), (x: Tensor) => x.softmax(0), (x: Tensor) => x.mul(0), x);
    return [y, x.mul(0).add(1)];
  },
};

const without = targetOf("cpu", false);
const shown = ({ summary, inputs, work, segments }: Lowered) => ({
  summary,
  inputs,
  work,
  models: segments.map(({ model }) => model),
});

for (const [name, make] of Object.entries(graphs)) {
  Deno.test(`a graph lowered for one target after another is each time the same: ${name}`, () => {
    const outputs = make().map((x) => x.node), walked = walk(outputs);
    const first = lower(walked, outputs, [], without);
    lower(walked, outputs, [], targetOf("cpu", true));
    assertEquals(shown(lower(walked, outputs, [], without)), shown(first));
  });
}

Deno.test("a walked graph is lowered after others, which share its constants, were", () => {
  const x = randn([4]), outputs = [x.add(1).log().add(1).mul(0).node];
  const walked = walk(outputs), first = lower(walked, outputs, [], without);
  let y = randn([4]);
  for (let i = 0; i < 2; i++) y = y.exp();
  walk([y.add(1).mul(0).node]);
  assertEquals(shown(lower(walked, outputs, [], without)), shown(first));
});
