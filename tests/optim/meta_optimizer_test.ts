import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  BackendError,
  chain,
  clipGradNorm,
  compile,
  extractStateDict,
  GradientError,
  memory,
  MetaAdam,
  MetaAdamW,
  MetaOptimizer,
  MetaRAdam,
  MetaSGD,
  nn,
  noGrad,
  ones,
  randn,
  recoverStateDict,
  sgd,
  stopGradient,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { treeLeaves } from "@torchopt/torchopt/pytree";
import { settle } from "../helpers/settle.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

/** (a * x)^2 / 2 with a = 1: one step of rate r gives a = 1 - r x^2. */
class Square extends nn.Module {
  a: Tensor = new nn.Parameter(tensor(1, f64));
  forward(x: Tensor): Tensor {
    return this.a.mul(x).square().div(2);
  }
}

const two = () => tensor(2, { ...f64, requiresGrad: true });

Deno.test("MetaOptimizer: parameters read after step are the new ones", () => {
  const net = new Square(), x = two(), optimizer = new MetaSGD(net, { lr: 0.1 });
  const first = net.a;
  optimizer.step(net.call(x));
  assertAlmostEquals(net.a.item(), 0.6);
  assertAlmostEquals(net.parameters()[0].item(), 0.6);
  assertEquals(first.item(), 1);
  optimizer.step(net.call(x));
  assertAlmostEquals(net.a.item(), 0.36);
});

Deno.test("MetaOptimizer: reading after each step and reading once give the same gradients", () => {
  const run = (read: boolean) => {
    const net = new Square(), x = two(), optimizer = new MetaAdam(net, { lr: 0.1, epsRoot: 1e-3 });
    for (let k = 0; k < 4; k++) {
      optimizer.step(net.call(x));
      if (read) net.a.item();
    }
    return autograd.grad(net.call(x), [x])[0]!.item();
  };
  assertAlmostEquals(run(true), run(false), 1e-12);
});

Deno.test("MetaOptimizer: a module used twice gets the gradient of both uses", () => {
  const net = new Square(), x = two(), optimizer = new MetaSGD(net, { lr: 0.1 });
  optimizer.step(net.call(x).add(net.call(x)));
  assertAlmostEquals(net.a.item(), 0.2);
});

class Tied extends nn.Module {
  left = new Square();
  right = new Square();
  constructor() {
    super();
    this.right.a = this.left.a;
  }
  forward(x: Tensor): Tensor {
    return this.left.call(x).add(this.right.call(x));
  }
}

Deno.test("MetaOptimizer: shared parameters are updated once and stay shared", () => {
  const net = new Tied(), x = two(), optimizer = new MetaSGD(net, { lr: 0.1, momentum: 0.5 });
  const start = extractStateDict(net, { by: "copy" });
  optimizer.step(net.call(x));
  assert(net.left.a === net.right.a);
  assertAlmostEquals(net.left.a.item(), 0.2);
  recoverStateDict(net, start);
  assert(net.left.a === net.right.a);
  optimizer.step(net.call(x));
  net.right.a = new nn.Parameter(tensor(1, f64));
  assertThrows(() => optimizer.step(net.call(x)), TypeError, "shared a tensor");
});

class Two extends nn.Module {
  used = new nn.Parameter(tensor(1, f64)) as Tensor;
  other = new nn.Parameter(tensor(1, f64)) as Tensor;
  forward(x: Tensor): Tensor {
    return this.used.mul(x);
  }
}

for (const what of ["frozen", "unused"] as const) {
  Deno.test(`MetaOptimizer: a parameter that is ${what} stays, with its state`, () => {
    const net = new Two(), x = two(), { other } = net;
    if (what === "frozen") other.requiresGrad_(false);
    const optimizer = new MetaAdam(net, { lr: 0.1, epsRoot: 1e-3, weightDecay: 0.1 });
    const loss = () => what === "frozen" ? net.call(x).add(net.other) : net.call(x);
    for (let k = 0; k < 2; k++) optimizer.step(loss());
    assert(net.other === other && net.used.item() < 1);
    assertEquals(net.namedParameters().map(([name]) => name), ["used", "other"]);
    const counts = treeLeaves<Tensor>(optimizer.stateDict()).filter((t) => t.dtype === "int64");
    assertEquals(counts.map((t) => t.item()).sort(), [0, 2]);
  });
}

Deno.test("MetaOptimizer: two tasks share one initialisation", () => {
  const net = new Square(), optimizer = new MetaSGD(net, { lr: 0.1 });
  const init = net.a, start = extractStateDict(net);
  const sums = [1, 2].map((value) => {
    recoverStateDict(net, start);
    const x = tensor(value, f64);
    optimizer.step(net.call(x));
    return net.call(x);
  });
  sums[0].add(sums[1]).backward();
  // d/da (a (1 - r x^2) x)^2 / 2 at a = 1
  const slope = (x: number) => (x * (1 - 0.1 * x * x)) ** 2;
  assertAlmostEquals(init.grad!.item(), slope(1) + slope(2), 1e-12);
});

Deno.test("MetaOptimizer.addParamGroup() gives a module a state of its own", () => {
  const a = new Square(), b = new Square(), x = two();
  const optimizer = new MetaSGD(a, { lr: 0.1, momentum: 0.9 });
  optimizer.addParamGroup(b);
  assertEquals(optimizer.paramGroups.length, 2);
  optimizer.step(a.call(x).add(b.call(x)));
  assertEquals([a.a.item(), b.a.item()], [0.6, 0.6]);
  assertEquals(optimizer.stateDict().length, 2);
  assertThrows(() => optimizer.addParamGroup(b), TypeError, "belongs to a group already");
});

Deno.test("MetaOptimizer.firstOrder treats gradients as constants", () => {
  const net = new Square(), x = two(), init = net.a;
  const optimizer = new MetaSGD(net, { lr: 0.1, firstOrder: true });
  optimizer.step(net.call(x));
  const [adapted, initial] = autograd.grad(net.call(x), [net.a, init]);
  assertEquals(adapted!.item(), initial!.item());
});

Deno.test("MetaOptimizer.eval() and noGrad() steps are leaves with the same values", () => {
  const run = (mode: "train" | "eval" | "noGrad") => {
    const net = new Square(), x = tensor(2, f64);
    const optimizer = new MetaAdam(net, { lr: 0.1, epsRoot: 1e-3 });
    if (mode === "eval") optimizer.eval();
    for (let k = 0; k < 3; k++) {
      const loss = net.call(x);
      if (mode === "noGrad") noGrad(() => optimizer.step(loss));
      else optimizer.step(loss);
    }
    assertEquals(net.a.isLeaf, mode !== "train");
    assert(net.a.requiresGrad);
    return net.a.item();
  };
  assertAlmostEquals(run("eval"), run("train"), 1e-12);
  assertAlmostEquals(run("noGrad"), run("train"), 1e-12);
});

Deno.test("MetaOptimizer differentiates through a learning rate", () => {
  const lr = tensor(0.1, { ...f64, requiresGrad: true }), x = tensor(2, f64);
  const net = new Square();
  new MetaSGD(net, { lr }).step(net.call(x));
  const [g] = autograd.grad(net.call(x), [lr]);
  // d/dr ((1 - 4 r) 2)^2 / 2
  assertAlmostEquals(g!.item(), -16 * (1 - 0.4), 1e-12);
});

Deno.test("MetaOptimizer: mask, chain and parameter hooks take part", () => {
  const net = new Two(), x = two();
  const mask = [true, false];
  new MetaAdamW(net, { lr: 0.1, weightDecay: 1, mask, epsRoot: 1e-6 }).step(
    net.call(x).add(net.other.mul(0)),
  );
  assertAlmostEquals(net.other.item(), 1, 1e-6);
  const clipped = new Square(), seen: number[] = [];
  clipped.a.registerHook((g) => void seen.push(g.item()));
  new MetaOptimizer(clipped, chain(clipGradNorm(1), sgd({ lr: 0.1 }))).step(clipped.call(x));
  assertEquals(seen, [4]);
  assertAlmostEquals(clipped.a.item(), 0.9, 1e-6);
});

Deno.test("MetaOptimizer: a compiled MAML step agrees with the eager one", () => {
  const net = new Square(), optimizer = new MetaRAdam(net, { lr: 0.1 });
  const start = extractStateDict(net), begun = extractStateDict(optimizer), init = net.a;
  const meta = (x: Tensor) => {
    for (let k = 0; k < 2; k++) optimizer.step(net.call(x));
    const [g] = autograd.grad(net.call(x), [init]);
    recoverStateDict(net, start);
    recoverStateDict(optimizer, begun);
    return g!;
  };
  const compiled = compile(meta);
  for (const value of [1, 2]) {
    const x = tensor(value, f64);
    assertAlmostEquals(compiled(x).item(), meta(x).item(), 1e-12);
  }
  assertEquals(compiled.traces, 1);
});

Deno.test("MetaOptimizer.step() of a loss that cannot be computed changes nothing", () => {
  const net = new Square(), optimizer = new MetaAdam(net, { lr: 0.1 }).eval();
  const p = two(), lost = p.mul(3), first = net.a, state = extractStateDict(optimizer);
  p.dispose();
  assertThrows(() => optimizer.step(net.call(lost)), BackendError, "was freed");
  assert(net.a === first);
  assertEquals(extractStateDict(optimizer), state);
  optimizer.step(net.call(two()));
  assertAlmostEquals(net.a.item(), 0.9, 1e-7);
});

Deno.test("MetaOptimizer.step() refuses a bad loss and changes nothing", () => {
  const net = new Square(), optimizer = new MetaSGD(net, { lr: 0.1 }), before = net.a;
  assertThrows(() => optimizer.step(ones([2])), GradientError, "wants a scalar");
  assertThrows(() => optimizer.step(ones([])), GradientError, "does not depend on");
  assertThrows(() => optimizer.step(1 as unknown as Tensor), TypeError, "wants the loss");
  assertThrows(() => optimizer.loadStateDict([]), TypeError, "wants an array of 1");
  assertThrows(() => new MetaSGD({} as nn.Module, { lr: 1 }), TypeError, "wants a module");
  assert(net.a === before);
});

for (const mode of ["stopGradient", "stopGradient, unread", "eval"] as const) {
  Deno.test(`a loop of 2000 meta-steps does not grow: ${mode}`, async () => {
    const net = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 1));
    const optimizer = new MetaAdam(net, { lr: 1e-3, epsRoot: 1e-8 });
    if (mode === "eval") optimizer.eval();
    const x = randn([16, 4]), y = x.square().sum(1, { keepdim: true });
    const step = () => {
      const loss = net.call(x).sub(y).square().mean();
      optimizer.step(loss);
      if (mode.startsWith("stop")) {
        stopGradient(net);
        stopGradient(optimizer);
      }
      if (!mode.endsWith("unread")) loss.item();
      return loss;
    };
    for (let i = 0; i < 500; i++) step();
    const sessions = memory().sessions.created, before = await settle();
    for (let i = 0; i < 1500; i++) step();
    const after = await settle();
    assertEquals(memory().sessions.created, sessions, "graphs that grow are compiled anew");
    assert(after.live - before.live <= 12, `from ${before.live} to ${after.live} storages`);
    assert(
      after.liveBytes - before.liveBytes <= 1 << 16,
      `${after.liveBytes - before.liveBytes} B`,
    );
    assert(Number.isFinite(step().item()));
  });
}
