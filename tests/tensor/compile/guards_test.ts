/** What a compiled function looks at before each call, besides its arguments and tensors. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  applyUpdates,
  autograd,
  chain,
  compile,
  extractStateDict,
  func,
  GradientError,
  manualSeed,
  MetaSGD,
  moduleClone,
  nn,
  ones,
  recoverStateDict,
  schedule,
  SGD,
  sgd,
  type Tensor,
  tensor,
  transform,
} from "@torchopt/torchopt";

const list = (t: Tensor) => Array.from(t.data(), Number);

Deno.test("eval() and train() of a layer take effect on compiled functions", () => {
  manualSeed(0);
  const dropout = new nn.Dropout(0.5), run = compile((x: Tensor) => dropout.call(x));
  const x = ones([100]);
  const zeros = () => list(run(x)).filter((v) => v === 0).length;
  assert(zeros() > 20);
  dropout.eval();
  assertEquals(zeros(), 0);
  dropout.train();
  assert(zeros() > 20);
  dropout.training = false;
  assertEquals(zeros(), 0);
  assertEquals(run.traces, 2);
});

Deno.test("the mode of a module inside of modules, with running statistics", () => {
  const net = new nn.Sequential(new nn.BatchNorm1d(2), new nn.Sequential(new nn.Dropout(0.9)));
  const run = compile((x: Tensor) => net.call(x)), x = tensor([[1, 2], [3, 6]]);
  run(x);
  net.eval();
  const norm = net.children()[0] as nn.BatchNorm1d, mean = list(norm.runningMean!);
  const expected = list(net.call(x));
  assertEquals(list(run(x)), expected);
  assertEquals(list(norm.runningMean!), mean);
  net.train();
  run(x);
  assert(list(norm.runningMean!)[0] !== mean[0]);
});

Deno.test("a function that sets the mode itself is not traced anew", () => {
  const dropout = new nn.Dropout(0.5);
  const run = compile((x: Tensor) => {
    dropout.eval();
    const y = dropout.call(x);
    dropout.train();
    return y;
  });
  for (let i = 0; i < 3; i++) assertEquals(list(run(ones([4]))), [1, 1, 1, 1]);
  assertEquals(run.traces, 1);
});

Deno.test("the mode is looked at inside of func.vmap, func.grad and a module of one's own", () => {
  class Switch extends nn.Module {
    forward(x: Tensor): Tensor {
      return this.training ? x.mul(2) : x;
    }
  }
  const net = new Switch();
  const vmapped = compile((x: Tensor) => func.vmap((x: Tensor) => net.call(x))(x));
  const slope = compile((x: Tensor) => func.grad((x: Tensor) => net.call(x).sum())(x));
  assertEquals([list(vmapped(ones([2]))), list(slope(ones([1])))], [[2, 2], [2]]);
  net.eval();
  assertEquals([list(vmapped(ones([2]))), list(slope(ones([1])))], [[1, 1], [1]]);
});

Deno.test("moduleClone() takes the mode over, of its own from then on", () => {
  const dropout = new nn.Dropout().eval(), copy = moduleClone(dropout);
  assertEquals(copy.training, false);
  copy.train();
  assertEquals([dropout.training, copy.training], [false, true]);
});

Deno.test("train(), eval() and firstOrder of a MetaOptimizer take effect on compiled functions", () => {
  class Net extends nn.Module {
    w: Tensor = new nn.Parameter(tensor(2, { dtype: "float64" }));
    forward(x: Tensor): Tensor {
      return this.w.mul(x).square();
    }
  }
  const net = new Net(), optimizer = new MetaSGD(net, { lr: 0.1 });
  const x = tensor(1, { dtype: "float64", requiresGrad: true });
  const body = () => {
    const before = extractStateDict(net), state = extractStateDict(optimizer);
    optimizer.step(net.call(x));
    const [g] = autograd.grad(net.call(x), [x]);
    recoverStateDict(net, before);
    recoverStateDict(optimizer, state);
    return g!;
  };
  const run = compile(body);
  const seen = new Set<number>();
  for (const change of [() => {}, () => optimizer.firstOrder = true, () => optimizer.eval()]) {
    change();
    const value = body().item();
    assertAlmostEquals(run().item(), value, 1e-12);
    seen.add(value);
  }
  assert(seen.size >= 2);
});

Deno.test("groups that an optimizer gets, and modules that a container gets, later on", () => {
  const a = tensor([1], { requiresGrad: true }), b = tensor([1], { requiresGrad: true });
  const optimizer = new SGD([a], { lr: 1 });
  const step = compile(() => {
    optimizer.zeroGrad();
    a.mul(b).sum().backward();
    optimizer.step();
  });
  step();
  assertEquals([a.item(), b.item()], [0, 1]);
  optimizer.addParamGroup([b]);
  b.grad = null;
  step();
  assertEquals([a.item(), b.item()], [-1, 1]);
  const list = new nn.ModuleList([new nn.ReLU()]), net = new nn.Sequential(new nn.ReLU());
  const run = compile((x: Tensor) => {
    // What is made inside is new in each trace.
    let y = new nn.Sequential(new nn.Identity()).append(new nn.Identity()).call(net.call(x));
    for (const module of list) y = module.call(y) as Tensor;
    return y;
  });
  for (let i = 0; i < 2; i++) assertEquals(run(tensor([2])).item(), 2);
  assertEquals(run.traces, 1);
  class Double extends nn.Module {
    forward(x: Tensor): Tensor {
      return x.mul(2);
    }
  }
  list.append(new Double());
  assertEquals(run(tensor([2])).item(), 4);
  net.append(new Double());
  assertEquals(run(tensor([2])).item(), 8);
  assertEquals(run.traces, 3);
});

// ------------------------------------------------------------------ learning rates

Deno.test("a plain function as learning rate is called before each call", () => {
  for (const make of [SGD, Adam]) {
    let rate = 1, calls = 0;
    const lr = () => (calls++, rate);
    const run = (compiled: boolean) => {
      [rate, calls] = [1, 0];
      const w = tensor([5, 7], { requiresGrad: true }), optimizer = new make([w], { lr });
      const body = () => {
        optimizer.zeroGrad();
        w.sum().backward();
        optimizer.step();
      };
      const step = compiled ? compile(body) : body;
      const seen = [1, 0.5, 0.25, 0, 2].map((r) => {
        rate = r;
        step();
        return list(w);
      });
      if (compiled) assert((step as unknown as { traces: number }).traces <= 2);
      assert(calls >= 5 && calls <= 6, `${calls} calls`);
      return seen;
    };
    assertEquals(run(true), run(false));
  }
});

Deno.test("a plain function as learning rate in functional updates, masks and schedules", () => {
  let rate = 1;
  const t = chain(
    transform.masked(sgd({ lr: () => rate }), () => [true, false]),
    transform.scaleBySchedule(() => rate),
  );
  const params = [tensor([1]), tensor([1])], state = t.init(params);
  const step = compile((g: Tensor) => {
    const [u] = t.update([g, g], state, { params });
    applyUpdates(params, u);
  });
  for (const r of [1, 2, 3]) {
    rate = r;
    step(tensor([1]));
  }
  assertEquals(params.map(list), [[1 - 1 - 4 - 9], [1 + 1 + 2 + 3]]);
  assertEquals(step.traces, 1);
});

Deno.test("a learning rate that changes from number to tensor traces anew; a reader of the count is told", () => {
  let rate: number | null = 1;
  const w = tensor([10], { requiresGrad: true });
  const optimizer = new SGD([w], { lr: (count) => rate ?? count.add(1) });
  const step = compile(() => {
    optimizer.zeroGrad();
    w.sum().backward();
    optimizer.step();
    return w.clone();
  });
  assertEquals([step().item(), step().item()], [9, 8]);
  rate = null;
  assertEquals([step().item(), step().item()], [5, 1]);
  rate = 1;
  assertEquals([step().item(), step().item()], [0, -1]);
  // The first call finds no gradient, which the others do.
  assertEquals(step.traces, 1 + 3);
  const reader = new SGD([w], { lr: (count) => 0.1 * 0.5 ** count.item() });
  const reading = compile(() => {
    w.sum().backward();
    reader.step();
  });
  assertThrows(() => reading(), GradientError, "inside compile()");
});

Deno.test("a schedule of tensors that depends on other values traces anew where they change", () => {
  let factor = 3, base = tensor(1);
  const w = tensor([0], { requiresGrad: true });
  const optimizer = new SGD([w], { lr: (count) => count.add(base).mul(factor) });
  const step = compile(() => {
    optimizer.zeroGrad();
    w.sum().backward();
    optimizer.step();
    return w.clone();
  });
  const rates = (n: number) => {
    const before = w.item();
    return Array.from({ length: n }, () => step().item() - before);
  };
  assertEquals(rates(2), [-3, -9]);
  assertEquals(step.traces, 1 + 1);
  factor = 5;
  assertEquals(rates(2), [-15, -35]);
  base = tensor(10);
  assertEquals(rates(1), [-70]);
  base.fill_(0);
  assertEquals(rates(1), [-25]);
  assertEquals(step.traces, 1 + 3);
});

Deno.test("schedules of the library are not called again", () => {
  const w = tensor([0], { requiresGrad: true });
  const optimizer = new SGD([w], { lr: schedule.linearSchedule(4, 0, 4) });
  const step = compile(() => {
    optimizer.zeroGrad();
    w.sum().backward();
    optimizer.step();
    return w.clone();
  });
  assertEquals([1, 2, 3, 4, 5].map(() => step().item()), [-4, -7, -9, -10, -10]);
  assertEquals(step.traces, 1 + 1);
});
