import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  checkpoint,
  compile,
  customVjp,
  func,
  Generator,
  gradcheck,
  GradientError,
  nn,
  noGrad,
  randn,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

Deno.test("checkpoint() gives the values and gradients of its function, of every order", () => {
  const x = randn([3, 2], f64), w = randn([2, 2], f64);
  const layer = checkpoint((x: Tensor, w: Tensor) => x.matmul(w).tanh());
  assertEquals(layer(x, w).toArray(), x.matmul(w).tanh().toArray());
  gradcheck((x: Tensor, w: Tensor) => layer(layer(x, w), w), [x, w], { order: 2 });
});

Deno.test("checkpoint() carries gradients to tensors from its surroundings", () => {
  const net = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 1));
  net.to("float64");
  const x = randn([5, 3], f64), loss = (y: Tensor) => y.square().mean();
  const plain = autograd.grad(loss(net.call(x)), net.parameters());
  const run = checkpoint((x: Tensor) => net.call(x));
  const again = autograd.grad(loss(run(x)), net.parameters());
  plain.forEach((g, i) => assert(g!.sub(again[i]!).abs().max().item() < 1e-12));
});

Deno.test("checkpoint() of an inner step gives the same meta-gradient", () => {
  const x = randn([4, 2], f64), w0 = randn([2, 1], { ...f64, requiresGrad: true });
  const lr = tensor(0.1, { ...f64, requiresGrad: true });
  const loss = (w: Tensor) => x.matmul(w).tanh().sub(1).square().mean();
  const step = (w: Tensor) => {
    const [g] = autograd.grad(loss(w), [w], { createGraph: true });
    return w.sub(g!.mul(lr));
  };
  const meta = (step: (w: Tensor) => Tensor) => {
    let w: Tensor = w0;
    for (let k = 0; k < 5; k++) w = step(w);
    return autograd.grad(loss(w), [lr, w0]).map((g) => g!.toArray());
  };
  const plain = meta(step).flat(2) as number[], again = meta(checkpoint(step)).flat(2) as number[];
  assertClose(again, plain, 1e-12);
});

Deno.test("checkpoint(): trees, other arguments, unrecorded and unused results", () => {
  const run = checkpoint((p: { a: Tensor; b: Tensor }, scale: number) => ({
    sum: p.a.add(p.b).mul(scale),
    argmax: p.a.argmax(),
    scale,
  }));
  const a = tensor([1, 3], { requiresGrad: true }), b = tensor([2, 2]);
  const out = run({ a, b }, 2);
  assertEquals(out.sum.toArray(), [6, 10]);
  assertEquals([out.argmax.item(), out.scale], [1, 2]);
  out.sum.sum().backward();
  assertEquals(a.grad!.toArray(), [2, 2]);
  assert(!noGrad(() => run({ a, b }, 2)).sum.requiresGrad);
});

Deno.test("checkpoint() draws random numbers once", () => {
  const generator = new Generator(1), x = randn([50], { requiresGrad: true });
  const drop = new nn.Dropout(0.5, { generator });
  const run = checkpoint((x: Tensor) => drop.call(x));
  const y = run(x);
  const [g] = autograd.grad(y.sum(), [x]);
  const kept = y.ne(0).to("float32").mul(2);
  assertEquals(g!.toArray(), kept.toArray());
});

Deno.test("checkpoint() updates running statistics once", () => {
  const norm = new nn.BatchNorm1d(2), twin = new nn.BatchNorm1d(2), x = randn([6, 2]);
  const run = checkpoint((x: Tensor) => norm.call(x));
  run(x).square().sum().backward();
  twin.call(x);
  assertEquals(norm.numBatchesTracked!.item(), 1);
  assertEquals(norm.runningMean!.toArray(), twin.runningMean!.toArray());
});

Deno.test("checkpoint() inside of checkpoint() and of compile(), around customVjp()", () => {
  const cube = customVjp((x) => x.pow(3), (g, { args: [x] }) => [g.mul(x.square()).mul(3)]);
  const inner = checkpoint((x: Tensor) => cube(x).mul(2) as Tensor);
  const outer = checkpoint((x: Tensor) => inner(x).add(x));
  const second = (x: Tensor) => {
    const [g] = autograd.grad(outer(x).sum(), [x], { createGraph: true });
    return autograd.grad(g!.sum(), [x])[0]!;
  };
  const x = tensor([2], { ...f64, requiresGrad: true });
  assertEquals(second(x).toArray(), [24]);
  assertEquals(compile(second)(x).toArray(), [24]);
});

Deno.test("checkpoint() in func.vmap() recomputes also what is the same for all examples", () => {
  const w = randn([2, 2], { ...f64, requiresGrad: true }), xs = randn([3, 2], f64);
  const layer = (x: Tensor) => x.matmul(w.mul(2).tanh()).tanh();
  const gradients = (layer: (x: Tensor) => Tensor) =>
    func.vmap((x: Tensor) => {
      const [g] = autograd.grad(layer(layer(x)).sum(), [w], { createGraph: true });
      return g!.square().sum();
    })(xs);
  const plain = gradients(layer), again = gradients(checkpoint(layer));
  assert(plain.sub(again).abs().max().item() < 1e-12);
});

Deno.test("checkpoint() of a function that changes tensors in place changes them once, with history", () => {
  // h = 2 w; inside, the first half is squared, and the whole of c is scaled.
  const run = (wrap: <F extends (h: Tensor) => Tensor>(fn: F) => F) => {
    const w = tensor([1, 2, 3, 4], { ...f64, requiresGrad: true });
    const h = w.mul(2), c = w.mul(3), view = h.view(2, 2), rest = c.narrow(0, 2, 2);
    const f = wrap((x: Tensor) => {
      x.narrow(0, 0, 2).pow_(2);
      rest.mul_(10);
      return x.mul(c).sum();
    });
    const y = f(h);
    const [g] = autograd.grad(y.add(view.pow(3).sum()).add(c.square().sum()), [w]);
    return [y, h, view, c, rest, g!].map((t) => t.toArray());
  };
  assertEquals(run((fn) => checkpoint(fn) as typeof fn), run((fn) => fn));
});

Deno.test("checkpoint() refuses to change a leaf that requires a gradient", () => {
  const w = tensor([1, 2], { ...f64, requiresGrad: true });
  assertThrows(() => checkpoint((w: Tensor) => w.mul_(2))(w), GradientError, "noGrad");
  const unrecorded = checkpoint((w: Tensor) => noGrad(() => w.mul_(2)).square());
  assertThrows(() => unrecorded(w), GradientError, "Change it before the call");
  assertEquals(w.toArray(), [1, 2]);
  const g = func.grad((w: Tensor) => unrecorded(w).sum())(tensor([1, 2], f64));
  assertEquals((g as Tensor).toArray(), [4, 8]);
});
