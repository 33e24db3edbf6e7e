/** Loops around what the library has: optimizers, modules, random numbers, derivatives by hand. */

import "../helpers/seed.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  adam,
  applyUpdates,
  autograd,
  checkpoint,
  compile,
  customVjp,
  func,
  GradientError,
  manualSeed,
  MetaSGD,
  nn,
  noGrad,
  randn,
  sgd,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";

const f64 = { dtype: "float64" } as const;
const near = { rtol: 1e-9, atol: 1e-11 };

type Params = { w: Tensor; b: Tensor };
const data = () => ({ x: randn([6, 3], f64), y: randn([6], f64) });
const lossOf = ({ w, b }: Params, x: Tensor, y: Tensor) =>
  x.matmul(w).add(b).tanh().sub(y).square().mean();

for (
  const [name, make] of [
    ["sgd with momentum", (lr: Tensor) => sgd({ lr, momentum: 0.9, momentRequiresGrad: true })],
    ["adam", (lr: Tensor) => adam({ lr, momentRequiresGrad: true })],
  ] as const
) {
  Deno.test(`scan() over steps of ${name} equals the unrolled steps, with meta-gradients`, () => {
    const { x, y } = data(), start = { w: randn([3], f64), b: zeros([], f64) };
    const step = (params: Params, state: unknown, optimizer: ReturnType<typeof make>) => {
      const grads = func.grad((p: Params) => lossOf(p, x, y))(params);
      const [updates, next] = optimizer.update(grads, state as never, { params, inplace: false });
      return [applyUpdates(params, updates as Params, { inplace: false }), next] as const;
    };
    const unrolled = (lr: Tensor) => {
      const optimizer = make(lr);
      let params: Params = start, state: unknown = optimizer.init(start);
      for (let k = 0; k < 4; k++) [params, state] = step(params, state, optimizer);
      return lossOf(params, x, y);
    };
    const scanned = (checkpoint?: "sqrt") => (lr: Tensor) => {
      const optimizer = make(lr), first = optimizer.init(start);
      const [{ params }] = func.scan(
        ({ params, state }) => {
          const [p, s] = step(params, state, optimizer);
          return [{ params: p, state: s as typeof first }, null];
        },
        { params: start as Params, state: first },
        null,
        { length: 4, checkpoint },
      );
      return lossOf(params, x, y);
    };
    const lr = tensor(0.05, f64), want = func.grad(unrolled)(lr);
    const bend = func.grad(func.grad(unrolled))(lr);
    for (const form of [scanned(), scanned("sqrt"), compile(scanned())]) {
      assertClose(form(lr), unrolled(lr), near);
      assertClose(func.grad(form)(lr), want, near);
      assertClose(func.grad(func.grad(form))(lr), bend, near);
    }
    const rates = tensor([0.01, 0.05, 0.2], f64);
    const each = [0, 1, 2].map((i) => func.grad(unrolled)(rates.select(0, i)));
    assertClose(func.vmap(func.grad(scanned()))(rates), stack(each, 0), near);
  });
}

Deno.test("foriLoop() over a module's parameters, by functionalCall", () => {
  const net = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 1)).to(
    "float64",
  );
  const { x, y } = data();
  const inner = (params: Record<string, Tensor>) =>
    func.functionalCall(net, params, x).squeeze(1).sub(y).square().mean();
  const params = Object.fromEntries([...net.namedParameters()].map(([k, p]) => [k, p.detach()]));
  const descend = (p: Record<string, Tensor>, lr: Tensor) => {
    const grads = func.grad(inner)(p);
    return Object.fromEntries(Object.entries(p).map(([k, v]) => [k, v.sub(grads[k].mul(lr))]));
  };
  const looped = (lr: Tensor) => inner(func.foriLoop(0, 5, (_i, p) => descend(p, lr), params));
  const unrolled = (lr: Tensor) => {
    let p = params;
    for (let k = 0; k < 5; k++) p = descend(p, lr);
    return inner(p);
  };
  const lr = tensor(0.1, f64);
  assertClose(looped(lr), unrolled(lr), near);
  assertClose(func.grad(looped)(lr), func.grad(unrolled)(lr), near);
});

/** A network that takes a step of a meta-optimizer, and returns its parameters. */
class Stepping extends nn.Module {
  readonly net = new nn.Linear(3, 1);

  step(x: Tensor, y: Tensor): Record<string, Tensor> {
    new MetaSGD(this.net, { lr: 0.1 }).step(this.net.call(x).squeeze(1).sub(y).square().mean());
    return { "net.weight": this.net.weight, "net.bias": this.net.bias! };
  }

  override forward(x: Tensor, y: Tensor): Record<string, Tensor> {
    return this.step(x, y);
  }
}

Deno.test("steps of a meta-optimizer in a body, through functionalCall", () => {
  const module = new Stepping().to("float64"), { x, y } = data();
  const params = Object.fromEntries(
    [...module.namedParameters()].map(([k, p]) => [k, p.detach().clone().requiresGrad_()]),
  );
  const step = (p: Record<string, Tensor>) => func.functionalCall(module, p, x, y) as typeof p;
  const looped = (p: Record<string, Tensor>) => func.foriLoop(0, 3, (_i, p) => step(p), p);
  const total = (p: Record<string, Tensor>) =>
    p["net.weight"].square().sum().add(p["net.bias"].sum());
  const unrolled = (p: Record<string, Tensor>) => step(step(step(p)));
  for (const name of Object.keys(params)) {
    assertClose(looped(params)[name], unrolled(params)[name], near, name);
    const [got, want] = [looped, unrolled].map((f) =>
      func.grad((p: Record<string, Tensor>) => total(f(p)))(params)[name]
    );
    assertClose(got, want, near, `gradient ${name}`);
  }
  // The module is as it was.
  assertEquals([...module.namedParameters()].map(([, p]) => p.isLeaf), [true, true]);
});

Deno.test("backward() goes through a loop to what its body reads from outside", () => {
  const layer = new nn.Linear(3, 3).to("float64"), x = randn([3], f64);
  const run = () => func.foriLoop(0, 4, (_i, h) => layer.call(h).tanh(), x).square().sum();
  run().backward();
  const got = layer.parameters().map((p) => p.grad!);
  let h: Tensor = x;
  for (let k = 0; k < 4; k++) h = layer.call(h).tanh();
  const want = autograd.grad(h.square().sum(), layer.parameters()) as Tensor[];
  got.forEach((g, i) => assertClose(g, want[i], near));
  // A classic optimizer trains through it, eager and compiled.
  const optimizer = new Adam(layer.parameters(), { lr: 0.05 });
  const train = () => {
    optimizer.zeroGrad();
    const loss = run();
    loss.backward();
    optimizer.step();
    return loss;
  };
  const first = train().item(), compiled = compile(train);
  for (let k = 0; k < 20; k++) compiled();
  assert(compiled().item() < first * 0.5);
  noGrad(() => assert(run().item() < first * 0.5));
});

Deno.test("derivatives by hand, checkpoints and hooks work inside of bodies", () => {
  const doubled = customVjp((x) => x.sin(), (g, { args: [x] }) => [g.mul(x.cos()).mul(2)]);
  const bodies: Record<string, (x: Tensor) => Tensor> = {
    customVjp: (x) => doubled(x).add(x.mul(0.1)),
    checkpoint: checkpoint((x) => x.sin().mul(x)),
    hook: (x) => {
      const y = x.mul(0.5);
      if (y.requiresGrad) y.registerHook((g) => g.mul(3));
      return y.sin();
    },
  };
  const x = tensor([0.3, -0.7], f64);
  for (const [name, body] of Object.entries(bodies)) {
    const looped = (x: Tensor) => func.foriLoop(0, 3, (_i, y) => body(y), x).sum();
    const plain = (x: Tensor) => body(body(body(x))).sum();
    assertClose(looped(x), plain(x), near, name);
    assertClose(func.grad(looped)(x), func.grad(plain)(x), near, name);
    const twice = (f: (x: Tensor) => Tensor) => func.grad((x: Tensor) => func.grad(f)(x).sum());
    assertClose(twice(looped)(x), twice(plain)(x), near, `${name} twice`);
    const each = [0, 1].map((i) => func.grad(plain)(x.select(0, i)));
    assertClose(func.vmap(func.grad(looped))(x), stack(each, 0), near, `${name} batch`);
    assertClose(
      func.grad((x: Tensor) => func.vmap(looped)(x).sum())(x),
      stack(each, 0),
      near,
      `${name} of batch`,
    );
    const around = checkpoint(looped);
    assertClose(func.grad(around)(x), func.grad(plain)(x), near, `${name} in a checkpoint`);
    assertClose(twice(around)(x), twice(plain)(x), near, `${name} in a checkpoint, twice`);
  }
});

Deno.test("checkpoint() around an optimizer's loop, in a loop", () => {
  const w = tensor([0.5, -0.3], f64);
  const inner = (x: Tensor) =>
    func.whileLoop((x) => x.abs().amax().gt(0.1), (x) => x.mul(w.tanh()), x, { maxIterations: 30 });
  const looped = (x: Tensor) =>
    func.scan((c) => [checkpoint(inner)(c.add(1)).add(c.mul(0.5)), c], x, null, { length: 3 })[0]
      .sum();
  const plain = (x: Tensor) => {
    for (let k = 0; k < 3; k++) x = inner(x.add(1)).add(x.mul(0.5));
    return x.sum();
  };
  const x = tensor([0.2, 0.9], f64);
  assertClose(looped(x), plain(x), near);
  assertClose(func.grad(looped)(x), func.grad(plain)(x), near);
});

Deno.test("random numbers in loops: other ones in each iteration, each example, each call", () => {
  const noise = () => func.scan((c) => [c, randn([2])], null, null, { length: 3 })[1];
  manualSeed(5);
  const want = stack([randn([2]), randn([2]), randn([2])], 0).toArray();
  manualSeed(5);
  assertEquals(noise().toArray(), want);
  const compiled = compile(noise);
  manualSeed(5);
  assertEquals(compiled().toArray(), want);
  assert(JSON.stringify(compiled().toArray()) !== JSON.stringify(want));
  const batch = (randomness: "same" | "different") =>
    func.vmap((x: Tensor) => noise().add(x.mul(0)), { randomness })(zeros([2]));
  const [a, b] = batch("different").toArray() as number[][][];
  assert(a.flat().every((v, i) => v !== b.flat()[i]));
  const [c, d] = batch("same").toArray() as number[][][];
  assertEquals(c, d);
  // The same numbers on the way back.
  const noisy = (x: Tensor) => func.foriLoop(0, 3, (_i, y) => y.mul(randn([])), x);
  manualSeed(8);
  const factor = noisy(tensor(1)).item();
  manualSeed(8);
  assertClose(func.grad(noisy)(tensor(1)).data(), [factor], 1e-6);
  const dropout = new nn.Dropout(0.5);
  const mean = func.foriLoop(0, 200, (_i, s) => s.add(dropout.call(tensor([1, 1]))), zeros([2]));
  const [p, q] = mean.div(200).toArray() as number[];
  assert(p !== q && Math.abs(p - 1) < 0.3 && Math.abs(q - 1) < 0.3);
  // Numbers that are drawn in a choice are drawn whichever side runs.
  const choice = (b: boolean) => {
    manualSeed(3);
    const x = func.cond(tensor(b), () => randn([]), () => tensor(0));
    return [x.item(), randn([]).item()];
  };
  assertEquals(choice(true)[1], choice(false)[1]);
});

Deno.test("whileLoop() without a bound: forward derivatives, and an error that says what to do", () => {
  const root = (a: Tensor) =>
    func.whileLoop(
      (x) => x.square().sub(a).abs().gt(1e-12),
      (x) => x.add(a.div(x)).div(2),
      tensor(1, f64),
    );
  const a = tensor(2, f64), one = tensor(1, f64);
  const slope = (a: Tensor) => func.jvp(root, [a], [one])[1];
  assertClose(slope(a).data(), [0.5 / Math.SQRT2], 1e-12);
  assertClose(func.jvp(slope, [a], [one])[1].data(), [-0.25 / (2 * Math.SQRT2)], 1e-9);
  assertClose(func.jacfwd(root)(a).data(), [0.5 / Math.SQRT2], 1e-12);
  assertClose(func.vmap(slope)(tensor([2, 9], f64)).data(), [0.5 / Math.SQRT2, 1 / 6], 1e-12);
  assertThrows(() => func.grad(root)(a), GradientError, "maxIterations");
  assertThrows(() => func.grad(slope)(a), GradientError, "func.jvp");
  const param = tensor(2, { ...f64, requiresGrad: true });
  assertThrows(() => root(param).backward(), GradientError, "maxIterations");
  assertClose(noGrad(() => root(param)).data(), [Math.SQRT2], 1e-12);
});

Deno.test("what a body reads within noGrad() first has a derivative where it is read again", () => {
  const two = tensor(2, { dtype: "float64" });
  const repeated = (a: Tensor) =>
    func.scan(
      (c: Tensor, _: Tensor) => {
        noGrad(() => a.mul(2));
        const next = c.mul(a);
        return [next, next];
      },
      a,
      tensor([1, 2], { dtype: "float64" }),
    )[0];
  assertEquals(func.grad(repeated)(two).item(), 12);
  const chosen = (a: Tensor) =>
    func.cond(
      a.gt(0),
      (c: Tensor) => {
        noGrad(() => a.mul(2));
        return c.mul(a);
      },
      (c: Tensor) => c,
      a,
    );
  assertEquals(func.grad(chosen)(two).item(), 4);
});
