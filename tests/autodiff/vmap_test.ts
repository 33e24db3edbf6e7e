import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  adam,
  applyUpdates,
  autograd,
  checkpoint,
  compile,
  customVjp,
  extractStateDict,
  func,
  GradientError,
  manualSeed,
  MetaAdam,
  MetaSGD,
  nn,
  noGrad,
  ones,
  rand,
  randn,
  randperm,
  recoverStateDict,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import { assertClose } from "../helpers/close.ts";
import { cases } from "../helpers/optimizer_table.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const numbers = (shape: number[], seed = 0) => {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + seed)), { shape, ...f64 });
};

const rows = (x: Tensor) => Array.from({ length: x.shape[0] }, (_, i) => x.select(0, i));

Deno.test("vmap() takes and gives trees, with axes for parts of them", () => {
  const x = numbers([4, 3]), y = numbers([2, 4], 1), w = numbers([3, 2], 2);
  const f = func.vmap(
    (p: { x: Tensor; w: Tensor }, [y]: Tensor[], scale: number) => ({
      out: p.x.unsqueeze(0).matmul(p.w).squeeze(0).add(y).mul(scale),
      list: [p.w.sum()],
    }),
    { inAxes: [{ x: 0, w: null }, 1, null], outAxes: { out: 1, list: null } },
  );
  const { out, list } = f({ x, w }, [y], 2);
  assertClose(out.t(), x.matmul(w).add(y.t()).mul(2), 1e-12);
  assertClose(list[0], w.sum(), 1e-12);
});

Deno.test("vmap() passes on what is no tensor, and null", () => {
  const f = func.vmap((x: Tensor, name: string, nothing: null) => ({ x: x.neg(), name, nothing }));
  const out = f(tensor([1, 2]), "a", null);
  assertEquals(out.x.toArray(), [-1, -2]);
  assertEquals([out.name, out.nothing], ["a", null]);
});

Deno.test("vmap() refuses what has no examples, with the way out", () => {
  const f = func.vmap((a: Tensor, b: Tensor) => a.add(b));
  assertThrows(() => f(tensor(1), tensor([1])), ShapeError, "give it inAxes null to share it");
  assertThrows(() => f(ones([2, 3]), ones([3, 3])), ShapeError, "2 examples in tensor 0");
  assertThrows(() => f(1 as never, 2 as never), TypeError, "none of the arguments is a tensor");
  const g = (inAxes: number) => func.vmap((x: Tensor) => x, { inAxes })(ones([2, 2]));
  assertThrows(() => g(2), RangeError, "wants a whole number from -2 to 1");
  assertThrows(() => g(0.5), RangeError, "inAxes is 0.5");
  const h = (outAxes: number | null) => func.vmap((x: Tensor) => x, { outAxes })(ones([2, 2]));
  assertThrows(() => h(3), RangeError, "outAxes is 3");
  assertThrows(() => h(null), ShapeError, "differs by example and cannot have outAxes null");
  const tree = func.vmap((x: Tensor) => x, { inAxes: [0, 0] });
  assertThrows(() => tree(ones([2])), TypeError, "inAxes does not fit the structure");
});

Deno.test("vmap() refuses to read values, and to leave gradients or values by example outside", () => {
  const x = numbers([3, 2]);
  assertThrows(
    () => func.vmap((x: Tensor) => x.mul(x.sum().item()))(x),
    GradientError,
    "inside vmap()",
  );
  const w = tensor([1, 2], { ...f64, requiresGrad: true });
  assertThrows(
    () => func.vmap((x: Tensor) => x.mul(w).sum().backward())(x),
    GradientError,
    "inside vmap() no gradients can be left with tensors",
  );
  assertEquals(w.grad, null);
  const sum = zeros([2], f64);
  assertThrows(
    () => func.vmap((x: Tensor) => (sum.add_(x), x))(x),
    ShapeError,
    "changed in place to values that differ by example",
  );
  assertEquals(sum.toArray(), [0, 0]);
});

Deno.test("vmap() changes a tensor from outside in place where all examples agree", () => {
  const calls = zeros([], f64);
  const out = func.vmap((x: Tensor) => (calls.add_(1), x.mul(calls)))(numbers([3, 2]));
  assertEquals(calls.item(), 1);
  assertClose(out, numbers([3, 2]), 1e-12);
});

Deno.test("vmap() sees a batch that a function before it has not computed yet", () => {
  const x = numbers([3, 2]).exp(), w = numbers([2]).exp();
  assertClose(func.vmap((x: Tensor) => x.mul(w))(x), x.mul(w), 1e-12);
});

Deno.test("vmap() of autograd.grad, grad, vjp, jvp and hvp", () => {
  const x = numbers([3, 4]), w = numbers([4], 1).requiresGrad_();
  const loss = (w: Tensor, x: Tensor) => w.mul(x).tanh().sum().exp();
  const [direction] = [numbers([4], 5)];
  const each: ((x: Tensor) => Tensor)[] = [
    (x) => autograd.grad(loss(w, x), [w])[0]!,
    (x) => func.grad(loss)(w, x),
    (x) => func.vjp((w: Tensor) => w.mul(x).sin(), w)[1](x)[0],
    (x) => func.jvp((x: Tensor) => x.mul(w).sin(), [x], [direction])[1],
    (x) => func.hvp((x: Tensor) => loss(w, x), x, direction)[1],
    (x) => func.jacrev((x: Tensor) => x.mul(w).sin())(x),
    (x) => func.jacfwd((x: Tensor) => x.mul(w).sin())(x),
    (x) => func.hessian((x: Tensor) => loss(w, x))(x),
  ];
  for (const f of each) assertClose(func.vmap(f)(x), stack(rows(x).map(f)), 1e-12);
});

Deno.test("vmap() honours noGrad() and detach() inside", () => {
  const w = tensor([2, 3], { ...f64, requiresGrad: true });
  const x = numbers([3, 2]);
  const f = (x: Tensor) => noGrad(() => x.mul(w)).add(x.mul(w.detach())).add(w.mul(x).mul(w));
  const [found] = autograd.grad(func.vmap(f)(x).sum(), [w]);
  const [wanted] = autograd.grad(stack(rows(x).map(f)).sum(), [w]);
  assertClose(found!, wanted!, 1e-12);
});

Deno.test("vmap() of customVjp() keeps its derivative, for batched and shared arguments", () => {
  // A wrong derivative on purpose: only the rule can give it.
  const odd = customVjp(
    (x: Tensor, w: Tensor) => x.mul(w).sum(),
    (g: Tensor, { args: [x, w] }) => [g.mul(w).mul(10), g.mul(x).mul(x).mul(100)],
  );
  const x = numbers([3, 2]), w = numbers([2], 1), many = numbers([3, 2], 2);
  const sums = {
    shared: (x: Tensor, w: Tensor) => func.vmap(odd, { inAxes: [0, null] })(x, w).square().sum(),
    both: (x: Tensor, w: Tensor) => func.vmap(odd)(x, w).square().sum(),
  };
  const loops = {
    shared: (x: Tensor, w: Tensor) => stack(rows(x).map((r) => odd(r, w))).square().sum(),
    both: (x: Tensor, w: Tensor) =>
      stack(rows(x).map((r, i) => odd(r, w.select(0, i)))).square().sum(),
  };
  for (const kind of ["shared", "both"] as const) {
    const argnums = [0, 1], ws = kind === "shared" ? w : many;
    const found = func.grad(sums[kind], { argnums })(x, ws);
    const wanted = func.grad(loops[kind], { argnums })(x, ws);
    assertClose(found[0], wanted[0], 1e-12);
    assertClose(found[1], wanted[1], 1e-12);
    // Second order: through the rule itself.
    const twice = (f: typeof sums.shared) =>
      func.grad((w: Tensor) => func.grad(f)(x, w).square().sum())(ws);
    assertClose(twice(sums[kind]), twice(loops[kind]), 1e-12);
    // The rule inside, by each example.
    const inside = func.vmap(func.grad(odd, { argnums }), {
      inAxes: [0, kind === "shared" ? null : 0],
    });
    const each = rows(x).map((r, i) =>
      func.grad(odd, { argnums })(r, kind === "shared" ? w : many.select(0, i))
    );
    inside(x, ws).forEach((g: Tensor, k: number) =>
      assertClose(g, stack(each.map((e) => e[k])), 1e-12)
    );
  }
});

Deno.test("vmap() of checkpoint() and checkpoint() of vmap() give the gradients of neither", () => {
  const x = numbers([3, 2]), w = numbers([2], 1).requiresGrad_();
  const layer = (x: Tensor) => x.mul(w).tanh().add(x);
  const plain = (f: (x: Tensor) => Tensor) => {
    const y = func.vmap((x: Tensor) => f(f(x)).sum())(x).square().sum();
    const [g] = autograd.grad(y, [w], { createGraph: true });
    return [g!, autograd.grad(g!.square().sum(), [w])[0]!];
  };
  const wanted = plain(layer), found = plain(checkpoint(layer));
  wanted.forEach((g, i) => assertClose(found[i], g, 1e-12));
  const around = checkpoint((x: Tensor) => func.vmap((x: Tensor) => layer(layer(x)).sum())(x));
  const [g] = autograd.grad(around(x).square().sum(), [w]);
  assertClose(g!, wanted[0], 1e-12);
});

Deno.test("vmap() inside compile(), and a compiled function inside vmap()", () => {
  const w = numbers([2], 1);
  const inner = compile((x: Tensor) => x.mul(w).sum());
  const outer = compile((x: Tensor) => func.vmap((x: Tensor) => inner(x).exp())(x));
  for (const seed of [0, 1]) {
    const x = numbers([3, 2], seed);
    assertClose(outer(x), x.matmul(w.unsqueeze(1)).squeeze(1).exp(), 1e-12);
  }
  assertEquals(outer.traces, 1);
  assertEquals(inner.traces, 0);
});

Deno.test("vmap() runs hooks on the gradient of each example", () => {
  const x = numbers([3, 2]).requiresGrad_();
  const f = (hooked: boolean) => (x: Tensor) => {
    const y = x.mul(2);
    // Clips by the norm of the example's gradient, not by that of the batch.
    if (hooked) y.registerHook((g) => g.div(g.square().sum().sqrt()));
    return y.square().sum();
  };
  const [found] = autograd.grad(func.vmap(f(true))(x).sum(), [x]);
  const wanted = stack(
    rows(x).map((r) => {
      const own = r.detach().requiresGrad_();
      return autograd.grad(f(true)(own), [own])[0]!;
    }),
  );
  assertClose(found!, wanted, 1e-12);
});

Deno.test("vmap() asks what random numbers are to do", () => {
  const x = zeros([3, 2]);
  const noise = (x: Tensor) => x.add(randn([2]));
  assertThrows(() => func.vmap(noise)(x), RangeError, 'randomness: "same"');
  manualSeed(3);
  const same = rows(func.vmap(noise, { randomness: "same" })(x)).map((r) => r.toArray());
  manualSeed(3);
  const once = randn([2]).toArray();
  assertEquals(same, [once, once, once]);
  manualSeed(3);
  const different = func.vmap(noise, { randomness: "different" })(x).toArray();
  manualSeed(3);
  assertEquals(different, rows(x).map((r) => noise(r).toArray()));
  const orders = func.vmap((x: Tensor) => randperm(5).add(x.sum().to("int64")), {
    randomness: "different",
  })(zeros([4, 1]));
  for (const r of rows(orders)) assertEquals(r.sort().values.toArray(), [0, 1, 2, 3, 4]);
});

Deno.test("vmap() draws for every example of nested calls, and anew in compile()", () => {
  const draw = (outer: "same" | "different", inner: "same" | "different") =>
    func.vmap(
      (x: Tensor) => func.vmap((x: Tensor) => x.add(rand([2])), { randomness: inner })(x),
      { randomness: outer },
    );
  const x = zeros([2, 3, 2]);
  const distinct = (y: Tensor) => new Set(y.toArray().toString().split(",")).size;
  assertEquals(distinct(draw("different", "different")(x)), 12);
  assertEquals(distinct(draw("different", "same")(x)), 4);
  assertEquals(distinct(draw("same", "different")(x)), 6);
  assertEquals(distinct(draw("same", "same")(x)), 2);
  const compiled = compile(draw("different", "different"));
  const first = compiled(x).toArray();
  assert(compiled(x).toArray().toString() !== first.toString());
});

Deno.test("vmap() of dropout differs by example only where asked to", () => {
  const x = ones([4, 64]);
  const drop = (randomness: "same" | "different") =>
    rows(func.vmap((x: Tensor) => nn.functional.dropout(x, { p: 0.5 }), { randomness })(x))
      .map((r) => r.toArray().toString());
  assertEquals(new Set(drop("same")).size, 1);
  assertEquals(new Set(drop("different")).size, 4);
});

for (const { label, entry, options } of cases) {
  Deno.test(`vmap() of two updates equals a loop: ${label}`, () => {
    const p = { w: numbers([3, 2]), b: numbers([3], 1) };
    const g = { w: numbers([3, 2], 2), b: numbers([3], 3) };
    type Params = typeof p;
    const train = (p: Params, g: Params) => {
      const optimizer = entry.make(options);
      let state = optimizer.init(p);
      for (let t = 0; t < 2; t++) {
        const [updates, next] = optimizer.update(g, state, { params: p, inplace: false });
        p = applyUpdates(p, updates, { inplace: false }) as Params;
        state = next;
      }
      return p;
    };
    const at = (tree: Params, i: number) => treeMap((x: Tensor) => x.select(0, i), tree) as Params;
    const found = func.vmap(train)(p, g) as Params;
    const wanted = [0, 1, 2].map((i) => train(at(p, i), at(g, i)));
    for (const key of ["w", "b"] as const) {
      assertClose(found[key], stack(wanted.map((t) => t[key])), 1e-12);
    }
  });
}

Deno.test("vmap() of adam() learns a rate for each example", () => {
  const p = numbers([3, 2]), g = numbers([3, 2], 1), lrs = tensor([0.1, 0.2, 0.3], f64);
  const step = (lr: Tensor, p: Tensor, g: Tensor) => {
    const optimizer = adam({ lr });
    const [u] = optimizer.update([g], optimizer.init([p]), { params: [p], inplace: false });
    return (u as Tensor[])[0].add(p);
  };
  const wanted = [0, 1, 2].map((i) => step(lrs.select(0, i), p.select(0, i), g.select(0, i)));
  assertClose(func.vmap(step)(lrs, p, g), stack(wanted), 1e-12);
});

Deno.test("vmap() of a module with parameters of its own for each example", () => {
  const models = [0, 1, 2].map(() =>
    new nn.Sequential(
      new nn.Conv2d(1, 4, 3, { padding: 1 }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(4 * 4 * 4, 5),
    ).eval()
  );
  const x = numbers([2, 1, 8, 8]).to("float32");
  const all = models.map((m) => Object.fromEntries(m.namedParameters()));
  const params = treeMap((...ps: Tensor[]) => stack(ps), all[0], ...all.slice(1));
  const forward = (p: typeof all[0], x: Tensor) => func.functionalCall(models[0], p, x) as Tensor;
  const shared = func.vmap(forward, { inAxes: [0, null] })(params, x);
  models.forEach((m, i) => assertClose(shared.select(0, i), m.call(x) as Tensor, 1e-5));
  const own = stack([x, x.mul(2), x.neg()]);
  const each = func.vmap(forward)(params, own);
  models.forEach((m, i) =>
    assertClose(each.select(0, i), m.call(own.select(0, i)) as Tensor, 1e-5)
  );
});

for (const [name, Meta] of Object.entries({ MetaSGD, MetaAdam })) {
  Deno.test(`vmap() of a task that ${name} adapts to gives the meta-gradients of a loop`, () => {
    manualSeed(0);
    const net = new nn.Sequential(new nn.Linear(1, 8), new nn.ReLU(), new nn.Linear(8, 1));
    const inner = new Meta(net, { lr: 0.1 });
    const x = numbers([4, 5, 1]).to("float32"), y = numbers([4, 5, 1], 1).to("float32");
    const task = (x: Tensor, y: Tensor) => {
      const before = [extractStateDict(net), extractStateDict(inner)] as const;
      for (let k = 0; k < 2; k++) inner.step(nn.functional.mseLoss(net.call(x) as Tensor, y));
      const loss = nn.functional.mseLoss(net.call(x) as Tensor, y);
      recoverStateDict(net, before[0]);
      recoverStateDict(inner, before[1]);
      return loss;
    };
    const params = net.parameters();
    const gradients = (losses: Tensor) => autograd.grad(losses.mean(), params);
    const wanted = gradients(stack(rows(x).map((r, i) => task(r, y.select(0, i)))));
    const found = gradients(func.vmap(task)(x, y));
    const compiled = compile(() => gradients(func.vmap(task)(x, y)))();
    wanted.forEach((g, i) => {
      assertClose(found[i]!, g!, 1e-6);
      assertClose(compiled[i]!, g!, 1e-6);
    });
  });
}

Deno.test("vmap() shares a product with one matrix: one large product, no copies of the matrix", () => {
  const w = numbers([4, 3]), x = numbers([5, 2, 4]);
  assertClose(func.vmap((x: Tensor) => x.matmul(w))(x), x.matmul(w), 1e-12);
  const graph = func.vmap((x: Tensor) => x.matmul(w))(x).rawNode;
  let node = graph;
  while (node.prim.name !== "dot") node = node.inputs[0];
  assertEquals(node.shape, [10, 3]);
});

Deno.test("vmap() does not read a neighbour's row where a place is out of range", () => {
  const tables = numbers([2, 3, 2]);
  const pick = func.vmap((t: Tensor, i: Tensor) => t.indexSelect(0, i));
  assertThrows(() => pick(tables, tensor([[0], [3]], { dtype: "int64" })).data());
  assertThrows(() => pick(tables, tensor([[3], [0]], { dtype: "int64" })).data());
  assertThrows(() => pick(tables, tensor([[0], [-4]], { dtype: "int64" })).data());
});

Deno.test("vmap() changes nothing outside where one of several changes is refused", () => {
  const a = tensor([1, 2]), b = tensor([3, 4]);
  const run = func.vmap((x: Tensor) => {
    a.mul_(2);
    b.mul_(x);
    return x;
  });
  assertThrows(() => run(tensor([5, 6])), ShapeError, "differ by example");
  assertEquals([a.toArray(), b.toArray()], [[1, 2], [3, 4]]);
});
