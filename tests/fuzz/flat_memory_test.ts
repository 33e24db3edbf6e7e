/**
 * Training loops of many shapes: over 600 iterations (2 000 with `TORCHOPT_MANY`) the memory of tensors and
 * the number of compiled graphs stay as they were after the first few. Weights have 4 KiB, from which on storages are counted.
 */

import {
  Adam,
  adam,
  applyUpdates,
  type ApplyUpdatesOptions,
  autograd,
  cat,
  compile,
  extractStateDict,
  memory,
  MetaAdam,
  type MetaOptimizer,
  MetaSGD,
  nn,
  noGrad,
  type Optimizer,
  randn,
  realize,
  recoverStateDict,
  RMSProp,
  SGD,
  stopGradient,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { assert } from "@std/assert";
import { many } from "../helpers/many.ts";
import { settle } from "../helpers/settle.ts";
import "../helpers/seed.ts";

const WARM = 100, ITERATIONS = many(600, 2000);
const mse = nn.functional.mseLoss;

class Net extends nn.Module {
  a = new nn.Linear(16, 64);
  b = new nn.Linear(64, 1);
  forward(x: Tensor): Tensor {
    return this.b.call(this.a.call(x).tanh());
  }
}

const x = randn([8, 16]), y = randn([8, 1]);

/** Clears gradients, differentiates and steps. */
function train(loss: Tensor, ...optimizers: Optimizer[]): void {
  for (const o of optimizers) o.zeroGrad();
  loss.backward();
  for (const o of optimizers) o.step();
}

/** Makes a loop; what it returns is called once for each iteration. */
type Loop = () => (i: number) => void;

const loops: Record<string, Loop> = {
  "loss, backward, step"() {
    const net = new Net(), optimizer = new Adam(net.parameters());
    return () => train(mse(net.call(x), y), optimizer);
  },
  "two optimizers on one loss"() {
    const net = new Net(), a = new Adam(net.a.parameters());
    const b = new SGD(net.b.parameters(), { lr: 1e-2, momentum: 0.9 });
    return () => train(mse(net.call(x), y), a, b);
  },
  "an optimizer over the head, the body is not frozen"() {
    const net = new Net(), optimizer = new SGD(net.b.parameters(), { lr: 1e-3 });
    return () => train(mse(net.call(x), y), optimizer);
  },
  "an input that requires a gradient"() {
    const net = new Net(), optimizer = new RMSProp(net.parameters());
    const input = randn([64, 16]).requiresGrad_();
    return () => train(net.call(input).square().mean(), optimizer);
  },
  "gradients that are never cleared"() {
    const net = new Net(), optimizer = new SGD(net.parameters(), { lr: 1e-6 });
    return () => {
      mse(net.call(x), y).backward();
      optimizer.step();
    };
  },
  "GAN whose generator gets the gradients of both losses"() {
    const g = new nn.Linear(16, 64), d = new nn.Linear(64, 16);
    const og = new Adam(g.parameters()), od = new Adam(d.parameters());
    return () => {
      const fake = g.call(x).tanh();
      train(d.call(fake).square().mean(), od);
      train(d.call(fake).sub(1).square().mean(), og);
    };
  },
  "GAN with detach(), its discriminator frozen in between"() {
    const g = new nn.Linear(16, 64), d = new nn.Linear(64, 16);
    const og = new Adam(g.parameters()), od = new Adam(d.parameters());
    return () => {
      const fake = g.call(x).tanh();
      train(d.call(fake.detach()).square().mean(), od);
      d.requiresGrad_(false);
      train(d.call(fake).sub(1).square().mean(), og);
      d.requiresGrad_(true);
    };
  },
  "critic with a gradient penalty"() {
    const net = new Net(), optimizer = new Adam(net.parameters());
    return () => {
      const input = x.detach().requiresGrad_(), out = net.call(input);
      const [g] = autograd.grad(out.sum(), [input], { createGraph: true });
      train(out.mean().add(g!.square().sum(1).sub(1).square().mean()), optimizer);
    };
  },
  "metrics that are fed after the step"() {
    const net = new Net(), optimizer = new Adam(net.parameters());
    const mean = tensor(0), all = zeros([64, 16]);
    return () => {
      const hidden = net.a.call(x), out = net.b.call(hidden.tanh());
      train(mse(out, y), optimizer);
      noGrad(() => {
        mean.lerp_(out.mean(), 0.1);
        all.lerp_(hidden.t().matmul(hidden).narrow(1, 0, 16), 0.1);
      });
    };
  },
  "hidden state from iteration to iteration"() {
    const cell = new nn.Linear(80, 64), optimizer = new Adam(cell.parameters());
    let h = zeros([8, 64]);
    return () => {
      let loss = tensor(0);
      for (let k = 0; k < 3; k++) {
        h = cell.call(cat([x, h], 1)).tanh();
        loss = loss.add(h.square().mean());
      }
      train(loss, optimizer);
      h = h.detach();
    };
  },
  "running sum of losses"() {
    const net = new Net(), optimizer = new Adam(net.parameters());
    let total = tensor(0);
    return (i) => {
      const loss = mse(net.call(x), y);
      train(loss, optimizer);
      total = total.add(loss.detach());
      if (i === ITERATIONS) assert(Number.isFinite(total.item()));
    };
  },
  "the last ten predictions, unread"() {
    const net = new Net(), optimizer = new Adam(net.parameters());
    const last: Tensor[] = [];
    return (i) => {
      const out = net.call(x);
      train(mse(out, y), optimizer);
      last.push(out.detach());
      if (last.length > 10) last.shift();
      if (i === ITERATIONS) realize(...last);
    };
  },
  "gradients of several batches"() {
    const net = new Net(), optimizer = new Adam(net.parameters());
    const batches = [x, x.neg(), x.mul(0.5)];
    return () => {
      optimizer.zeroGrad();
      for (const batch of batches) mse(net.call(batch), y).div(3).backward();
      optimizer.step();
    };
  },
  "gradient descent by hand"() {
    const net = new Net(), parameters = net.parameters();
    return () => {
      mse(net.call(x), y).backward();
      noGrad(() => {
        for (const p of parameters) {
          p.sub_(p.grad!.mul(1e-3));
          p.grad = null;
        }
      });
    };
  },
  "a mean of the weights beside them"() {
    const net = new Net(), mean = new Net(), optimizer = new Adam(net.parameters());
    const pairs = net.parameters().map((p, i) => [p, mean.parameters()[i]] as const);
    return () => {
      const target = noGrad(() => mean.call(x));
      train(mse(net.call(x), target.add(y)), optimizer);
      noGrad(() => {
        for (const [p, m] of pairs) m.lerp_(p, 0.05);
      });
    };
  },
  "gradients that are clipped and logged"() {
    const net = new Net(), optimizer = new SGD(net.parameters(), { lr: 1e-3 });
    const norms: Tensor[] = [];
    return (i) => {
      optimizer.zeroGrad();
      mse(net.call(x), y).backward();
      const norm = net.parameters().map((p) => p.grad!.square().sum()).reduce((a, b) => a.add(b));
      noGrad(() => {
        for (const p of net.parameters()) p.grad!.mul_(norm.sqrt().add(1).reciprocal());
      });
      optimizer.step();
      norms.push(norm);
      if (i % 50 === 0) norms.splice(0).forEach((n) => assert(Number.isFinite(n.item())));
    };
  },
  "batch norm"() {
    const net = new nn.Sequential(
      new nn.Linear(16, 64),
      new nn.BatchNorm1d(64),
      new nn.Linear(64, 1),
    );
    const optimizer = new Adam(net.parameters());
    return () => train(mse(net.call(x) as Tensor, y), optimizer);
  },
  "a compiled step and evaluation outside"() {
    const net = new Net(), optimizer = new Adam(net.parameters());
    const step = compile((input: Tensor) => {
      const loss = mse(net.call(input), y);
      train(loss, optimizer);
      return loss;
    });
    return () => {
      const before = noGrad(() => net.call(x).mean());
      step(x);
      noGrad(() => net.call(x).sub(before).mean());
    };
  },
  "a functional optimizer, in place and not"() {
    const impl = adam({ lr: 1e-3 });
    let params = [randn([16, 64]).requiresGrad_(), randn([64, 1]).requiresGrad_()];
    let state = impl.init(params);
    return (i) => {
      const options: ApplyUpdatesOptions = { inplace: i % 2 === 0 };
      const loss = mse(x.matmul(params[0]).tanh().matmul(params[1]), y);
      const grads = autograd.grad(loss, params) as Tensor[];
      const [updates, next] = impl.update(grads, state, { params, ...options });
      state = next;
      params = applyUpdates(params, updates as Tensor[], options)
        .map((p) => options.inplace ? p : p.detach().requiresGrad_());
    };
  },
  "a functional optimizer whose parameters keep their history"() {
    const impl = adam({ lr: 1e-3 });
    let params = [randn([16, 64]).requiresGrad_(), randn([64, 1]).requiresGrad_()];
    let state = impl.init(params);
    return () => {
      const loss = mse(x.matmul(params[0]).tanh().matmul(params[1]), y);
      const grads = autograd.grad(loss, params) as Tensor[];
      const [updates, next] = impl.update(grads, state, { params, inplace: false });
      state = next;
      params = applyUpdates(params, updates as Tensor[], { inplace: false });
    };
  },
  "weights that decay outside of noGrad()"() {
    let w = randn([16, 64]).requiresGrad_();
    return () => {
      const loss = x.matmul(w).square().mean(), [g] = autograd.grad(loss, [w]);
      w = w.mul(1 - 1e-3).sub(g!.mul(1e-3)).clone();
      assert(Number.isFinite(loss.item()));
    };
  },
  "MAML with copies of the start"() {
    const net = new Net(), inner = new MetaAdam(net, { lr: 1e-3 });
    return () => {
      const start = extractStateDict(net, { by: "copy" });
      const begun = extractStateDict(inner, { by: "copy" });
      inner.step(mse(net.call(x), y));
      const loss = mse(net.call(x), y);
      assert(Number.isFinite(loss.item()));
      recoverStateDict(net, start);
      recoverStateDict(inner, begun);
    };
  },
  "MAML with MetaSGD"() {
    return maml((net) => new MetaSGD(net, { lr: 1e-2, momentum: 0.9 }));
  },
  "MAML with MetaAdam whose moments require gradients"() {
    return maml((net) => new MetaAdam(net, { lr: 1e-3, momentRequiresGrad: true }));
  },
  "a differentiable optimizer, cut off at each step"() {
    const net = new Net(), optimizer = new MetaAdam(net, { lr: 1e-3 });
    return () => {
      optimizer.step(mse(net.call(x), y));
      stopGradient(net);
      stopGradient(optimizer);
    };
  },
};

function maml(make: (net: Net) => MetaOptimizer): (i: number) => void {
  const net = new Net(), inner = make(net), outer = new Adam(net.parameters());
  return () => {
    const start = extractStateDict(net), begun = extractStateDict(inner);
    inner.step(mse(net.call(x), y));
    const loss = mse(net.call(x), y);
    recoverStateDict(net, start);
    recoverStateDict(inner, begun);
    train(loss, outer);
  };
}

for (const [name, make] of Object.entries(loops)) {
  Deno.test(`memory stays flat: ${name}`, async () => {
    const iterate = make();
    for (let i = 1; i <= WARM; i++) iterate(i);
    const before = await settle(), { sessions } = memory();
    const heap = Deno.memoryUsage().heapUsed;
    for (let i = WARM + 1; i <= ITERATIONS; i++) iterate(i);
    const after = await settle(), compiled = memory().sessions.created - sessions.created;
    const text = JSON.stringify({ before, after, compiled });
    assert(after.live - before.live <= 12, text);
    assert(after.liveBytes - before.liveBytes <= 1 << 17, text);
    assert(compiled <= 2, `compiled ${compiled} more graphs`);
    const alive = memory().sessions.alive - sessions.alive;
    assert(alive <= 2, `${alive} more graphs are kept`);
    const grown = Deno.memoryUsage().heapUsed - heap;
    assert(grown < 1 << 24, `the heap has grown by ${grown >> 10} KiB`);
  });
}

// Loops without an optimizer that steps in place: nothing computes what waits for a step.
const size = 256, weightBytes = size * size * 4;

const byHand: Record<string, (read: boolean) => () => void> = {
  "gradient descent by hand"(read) {
    const net = new nn.Linear(size, size), input = randn([4, size]);
    return () => {
      const loss = net.call(input).square().mean();
      loss.backward();
      noGrad(() => {
        for (const p of net.parameters()) {
          p.sub_(p.grad!.mul(1e-3));
          p.grad = null;
        }
      });
      if (read) loss.item();
    };
  },
  "a functional optimizer whose parameters are cut off"(read) {
    const impl = adam({ lr: 1e-3 }), input = randn([4, size]);
    let params = [randn([size, size]).requiresGrad_()], state = impl.init(params);
    return () => {
      const loss = input.matmul(params[0]).square().mean();
      const grads = autograd.grad(loss, params) as Tensor[];
      const [updates, next] = impl.update(grads, state, { params, inplace: false });
      state = next;
      params = applyUpdates(params, updates as Tensor[], { inplace: false })
        .map((p) => p.detach().requiresGrad_());
      if (read) loss.item();
    };
  },
};

for (const [name, make] of Object.entries(byHand)) {
  for (const read of [true, false]) {
    Deno.test(`few versions are held: ${name}, loss ${read ? "read" : "unread"}`, async () => {
      const { liveBytes } = await settle(), iterate = make(read);
      for (let i = 1; i <= 100; i++) {
        iterate();
        if (i % 20 > 0) continue;
        const versions = ((await settle()).liveBytes - liveBytes) / weightBytes;
        assert(versions < 30, `${versions} after ${i} iterations`);
      }
    });
  }
}
