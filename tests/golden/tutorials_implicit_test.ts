/** The worked example of the tutorials on implicit gradients: cases `tutorial5` of `tutorials.json`. */

import { applyUpdates, autograd, diff, func, nn, SGD, sgd, type Tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { type GoldenTensor, readGolden, runAll, toTensor } from "../helpers/golden.ts";
import { toSolver } from "../helpers/linear_solvers.ts";
import "../helpers/seed.ts";

interface Case {
  name: string;
  weight: GoldenTensor;
  bias: GoldenTensor;
  outer: number;
  d_meta_weight: GoldenTensor;
  d_meta_bias: GoldenTensor;
}

const golden = readGolden<{ x: GoldenTensor; y: GoldenTensor; cases: Case[] }>("tutorials.json");
const cases = golden.cases.filter(({ name }) => name.startsWith("tutorial5"));
const x = toTensor(golden.x), y = toTensor(golden.y), tolerance = { rtol: 1e-6, atol: 1e-8 };

/** A linear layer as the tutorial starts it. */
function layer(): nn.Linear {
  const linear = new nn.Linear(4, 1, { dtype: "float64" });
  linear.weight.detach().fill_(1);
  linear.bias!.detach().zero_();
  return linear;
}

function compare(c: Case, weight: Tensor, bias: Tensor, outer: Tensor, meta: nn.Linear): void {
  assertClose(weight.data(), c.weight.data, tolerance, "weight");
  assertClose(bias.data(), c.bias.data, tolerance, "bias");
  assertClose(outer.data(), [c.outer], tolerance, "outer");
  const [dWeight, dBias] = autograd.grad(outer, [meta.weight, meta.bias!]);
  assertClose(dWeight!.data(), c.d_meta_weight.data, tolerance, "d_meta_weight");
  assertClose(dBias!.data(), c.d_meta_bias.data, tolerance, "d_meta_bias");
}

const solverOf = ({ name }: Case) => toSolver(name.slice(name.indexOf("/") + 1));

Deno.test("golden tutorials.json: implicit gradients of modules", () => {
  runAll(cases, (c) => {
    class Inner extends nn.ImplicitMetaGradientModule {
      static override linearSolve = solverOf(c);
      net = layer();
      meta: nn.Linear;
      constructor(meta: nn.Linear) {
        super(meta);
        this.meta = meta;
      }
      forward(x: Tensor): Tensor {
        return this.net.call(x);
      }
      override objective(): Tensor {
        const pull = this.net.parameters().map((p, i) =>
          p.sub(this.meta.parameters()[i]).square().sum()
        ).reduce((a, b) => a.add(b));
        return this.forward(x).sub(y).square().mean().add(pull.mul(0.5));
      }
      override solve(): void {
        const optimizer = new SGD(this.parameters(), { lr: 0.02 });
        for (let i = 0; i < 100; i++) {
          optimizer.zeroGrad();
          this.objective().backward();
          optimizer.step();
        }
      }
    }
    const meta = layer(), inner = new Inner(meta);
    inner.solve();
    compare(c, inner.net.weight, inner.net.bias!, inner.call(x).mean(), meta);
  });
});

Deno.test("golden tutorials.json: implicit gradients of functions", () => {
  type Params = { w: Tensor; b: Tensor };
  const forward = (p: Params) => x.matmul(p.w.t()).add(p.b);
  const objective = (p: Params, meta: Params) =>
    forward(p).sub(y).square().mean()
      .add(p.w.sub(meta.w).square().sum().add(p.b.sub(meta.b).square().sum()).mul(0.5));
  runAll(cases, (c) => {
    const solve = diff.implicit.customRoot(func.grad(objective), {
      argnums: 1,
      solve: solverOf(c),
    })((p: Params, meta: Params) => {
      const optimizer = sgd({ lr: 0.02 });
      let state = optimizer.init(p);
      for (let i = 0; i < 100; i++) {
        const grads = func.grad(objective)(p, meta);
        const [updates, next] = optimizer.update(grads, state, { params: p, inplace: false });
        p = applyUpdates(p, updates, { inplace: false }) as Params;
        state = next;
      }
      return p;
    });
    const meta = layer(), start = layer();
    const p = solve({ w: start.weight, b: start.bias! }, { w: meta.weight, b: meta.bias! });
    compare(c, p.w, p.b, forward(p).mean(), meta);
  });
});
