/** The worked examples of the tutorials: every case of `tutorials.json` on explicit gradients. */

import { assert } from "@std/assert";
import {
  adam,
  applyUpdates,
  autograd,
  chain,
  clipGradNorm,
  type GradientTransformation,
  nn,
  sgd,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { MetaAdam, MetaOptimizer, MetaSGD } from "../../src/optim/mod.ts";
import { extractStateDict, recoverStateDict } from "../../src/utils/mod.ts";
import { assertClose, type Tolerance } from "../helpers/close.ts";
import { type GoldenDType, type GoldenTensor, readGolden, runAll } from "../helpers/golden.ts";
import "../helpers/seed.ts";

interface Case {
  name: string;
  weight?: GoldenTensor;
  bias?: GoldenTensor;
  [value: string]: unknown;
}

const golden = readGolden<{ cases: Case[] }>("tutorials.json");

/** Tutorial 1: x * weight + bias with x = 2 and y = 1, and a step on the squared error. */
function tutorial1(c: Case, optimizer: GradientTransformation, dtype: GoldenDType, t: Tolerance) {
  const params = {
    bias: tensor([0], { dtype, requiresGrad: true }),
    weight: tensor([[1]], { dtype, requiresGrad: true }),
  };
  const x = tensor([[2]], { dtype }), y = tensor([[1]], { dtype });
  const loss = x.matmul(params.weight).add(params.bias).sub(y).square().mean();
  const [bias, weight] = autograd.grad(loss, [params.bias, params.weight]);
  const state = optimizer.init(params);
  const [updates] = optimizer.update({ bias, weight }, state, { params, inplace: false });
  const next = applyUpdates(params, updates, { inplace: false });
  assertClose(next.weight.data(), c.weight!.data, t, "weight");
  assertClose(next.bias.data(), c.bias!.data, t, "bias");
}

function tutorial1Meta(c: Case, dtype: GoldenDType, t: Tolerance) {
  const scalar = (value: number) => tensor(value, { dtype, requiresGrad: true });
  const params = { w: scalar(1), b: scalar(0) }, meta = scalar(1);
  const loss = params.w.add(params.b).add(meta).sub(1).square();
  const [b, w] = autograd.grad(loss, [params.b, params.w], { createGraph: true });
  const optimizer = sgd({ lr: 1 });
  const [updates] = optimizer.update({ w, b }, optimizer.init(params), { params, inplace: false });
  const next = applyUpdates(params, updates, { inplace: false });
  const [g] = autograd.grad(next.w.add(next.b).sub(1).square(), [meta]);
  assertClose(g!.data(), [c.d_meta as number], t, "d_meta");
}

/** Tutorial 3: the inner loss a * x^2 with a = 1 and x = 2. */
class Quadratic extends nn.Module {
  a: Tensor;

  constructor(dtype: GoldenDType) {
    super();
    this.a = new nn.Parameter(tensor(1, { dtype }));
  }

  override forward(x: Tensor): Tensor {
    return this.a.mul(x.square());
  }
}

function tutorial3(
  c: Case,
  make: (net: nn.Module) => MetaOptimizer,
  dtype: GoldenDType,
  t: Tolerance,
) {
  const net = new Quadratic(dtype), x = tensor(2, { dtype, requiresGrad: true });
  const optimizer = make(net);
  optimizer.step(net.call(x));
  net.call(x).backward();
  assertClose(x.grad!.data(), [c.x_grad as number], t, "x_grad");
  if (c.a1 !== undefined) assertClose(net.a.data(), [c.a1 as number], t, "a1");
}

function twoTasks(c: Case, dtype: GoldenDType, t: Tolerance) {
  const net = new Quadratic(dtype), x = tensor(2, { dtype, requiresGrad: true });
  const optimizer = new MetaSGD(net, { lr: 1 });
  const start = extractStateDict(net), begun = extractStateDict(optimizer);
  optimizer.step(net.call(x));
  net.call(x).backward();
  assertClose(x.grad!.data(), [c.x_grad_after_task1 as number], t, "first");
  recoverStateDict(net, start);
  recoverStateDict(optimizer, begun);
  optimizer.step(net.a.mul(x));
  net.a.mul(x).backward();
  assertClose(x.grad!.data(), [c.x_grad_accumulated as number], t, "accumulated");
}

const runners: Record<string, (c: Case, dtype: GoldenDType, t: Tolerance) => void> = {
  tutorial1_adam: (c, dtype, t) => tutorial1(c, adam({ lr: 1 }), dtype, t),
  tutorial1_sgd: (c, dtype, t) => tutorial1(c, sgd({ lr: 1 }), dtype, t),
  tutorial1_meta: tutorial1Meta,
  tutorial3_metasgd: (c, dtype, t) => tutorial3(c, (net) => new MetaSGD(net, { lr: 1 }), dtype, t),
  tutorial3_two_tasks: twoTasks,
  tutorial3_clip_chain: (c, dtype, t) =>
    tutorial3(c, (net) => new MetaOptimizer(net, chain(clipGradNorm(2), sgd({ lr: 1 }))), dtype, t),
  tutorial3_metaadam: (c, dtype, t) =>
    tutorial3(c, (net) => new MetaAdam(net, { lr: 1 }), dtype, t),
};

// Tutorial 5 is about implicit gradients.
const cases = golden.cases.filter((c) => !c.name.startsWith("tutorial5"));

for (
  const [dtype, tolerance] of [
    ["float64", { rtol: 1e-8, atol: 1e-10 }],
    ["float32", { rtol: 2e-3, atol: 1e-4 }],
  ] as const
) {
  Deno.test(`golden tutorials: explicit gradients, ${dtype} (${cases.length} cases)`, () => {
    runAll(cases, (c) => {
      assert(Object.hasOwn(runners, c.name), `there is no tutorial ${c.name}`);
      runners[c.name](c, dtype, tolerance);
    });
  });
}
