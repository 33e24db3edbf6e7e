import { assert, assertEquals, assertThrows } from "@std/assert";
import { clearExecutables } from "../../../src/run/executable_cache.ts";
import {
  autograd,
  BackendError,
  compile,
  explain,
  func,
  GradientError,
  manualSeed,
  memory,
  noGrad,
  ones,
  rand,
  randn,
  realize,
  type Tensor,
  tensor,
  zeros,
} from "../../../mod.ts";
import "../../helpers/seed.ts";

Deno.test("compile() traces once for each structure of arguments", () => {
  const f = compile((x: Tensor, o: { y: Tensor }) => ({ sum: x.add(o.y), twice: [x.mul(2)] }));
  const out = f(tensor([1, 2]), { y: tensor([10, 20]) });
  assertEquals(out.sum.toArray(), [11, 22]);
  assertEquals(out.twice[0].toArray(), [2, 4]);
  f(tensor([3, 4]), { y: tensor([1, 1]) });
  assertEquals(f.traces, 1);
  f(tensor([1, 2, 3]), { y: tensor([1, 2, 3]) });
  assertEquals(f.traces, 2);
});

Deno.test("compile() reads closure tensors anew and writes rebound ones back", () => {
  const p = tensor([1, 2], { requiresGrad: true });
  const count = zeros([]);
  const f = compile((x: Tensor) => {
    const [g] = autograd.grad(p.mul(x).sum(), [p]);
    noGrad(() => p.sub_(g!));
    count.add_(1);
    return p.sum();
  });
  assertEquals(f(tensor([1, 1])).item(), 1);
  assertEquals(f(tensor([1, 0])).item(), 0);
  noGrad(() => p.copy_(tensor([5, 5])));
  assertEquals(f(tensor([1, 1])).item(), 8);
  assertEquals(p.toArray(), [4, 4]);
  assertEquals(count.item(), 3);
  assert(p.isLeaf && p.requiresGrad);
  assertEquals(f.traces, 1);
});

Deno.test("compile() carries grad in and out", () => {
  const p = tensor([1, 2], { requiresGrad: true });
  const f = compile((x: Tensor) => p.mul(x).sum().backward());
  f(tensor([1, 10]));
  assertEquals(p.grad!.toArray(), [1, 10]);
  f(tensor([1, 10]));
  f(tensor([1, 10]));
  assertEquals(p.grad!.toArray(), [3, 30]);
  p.grad = null;
  f(tensor([2, 2]));
  assertEquals(p.grad!.toArray(), [2, 2]);
  const x = tensor([3, 4], { requiresGrad: true });
  const g = compile((x: Tensor) => x.square().sum().backward());
  g(x);
  g(x);
  assertEquals(x.grad!.toArray(), [12, 16]);
});

Deno.test("compile() draws random numbers anew at each call", () => {
  const f = compile(() => randn([4]));
  const a = f().toArray(), b = f().toArray();
  assert(JSON.stringify(a) !== JSON.stringify(b));
  assertEquals(f.traces, 1);
});

Deno.test("values cannot be read inside compile(), nor tracers outside", () => {
  const error = assertThrows(() => compile((x: Tensor) => x.item())(tensor(1)), GradientError);
  assert(error.message.includes("compile()"));
  let leaked: Tensor | undefined;
  compile((x: Tensor) => leaked = x.mul(2))(tensor(1));
  assertThrows(() => leaked!.item(), BackendError, "made inside compile()");
});

Deno.test("a failing traced function leaves its surroundings as they were", () => {
  const p = tensor([1, 2]);
  const f = compile((x: Tensor) => {
    p.add_(1);
    return p.add(x);
  });
  assertThrows(() => f(tensor([1, 2, 3])));
  assertEquals(p.toArray(), [1, 2]);
});

Deno.test("numbers that change each step compile once", () => {
  const x = tensor([1, 2, 3]);
  const step = (t: number) => x.mul(1 / t + 0.001).add(t * 0.37 + 10).sum().item();
  step(3.5);
  const before = memory().sessions.created;
  for (let t = 3; t < 40; t++) step(t + 0.25);
  assertEquals(memory().sessions.created, before);
});

Deno.test("memory that another argument shares is not overwritten", () => {
  const p = tensor([1, 2, 3]);
  const copy = p.clone(), view = p.detach();
  const f = compile((x: Tensor) => {
    p.add_(1);
    return x.mul(10);
  });
  assertEquals(f(copy).toArray(), [10, 20, 30]);
  assertEquals(p.toArray(), [2, 3, 4]);
  assertEquals(copy.toArray(), [1, 2, 3]);
  // A view is changed with it.
  assertEquals(f(view).toArray(), [30, 40, 50]);
  assertEquals(view.toArray(), [3, 4, 5]);
});

Deno.test("a value built before a compiled update and read after it has its value of that time", () => {
  const p = tensor([1, 2, 3]);
  const f = compile(() => {
    p.add_(1);
  });
  f();
  const before = p.mul(2);
  f();
  const later = p.mul(2);
  for (let k = 0; k < 3; k++) f();
  assertEquals([before.toArray(), later.toArray()], [[4, 6, 8], [6, 8, 10]]);
  assertEquals(p.toArray(), [6, 7, 8]);
});

Deno.test("a value from before two compiled updates of large memory is an error, unless it was read", () => {
  const p = zeros([20_000]), f = compile(() => void p.add_(1));
  realize(p);
  const lost = p.mul(2), read = p.add(3), sum = p.sum();
  realize(read);
  f();
  const beside = p.mul(2);
  f();
  assertEquals(beside.data()[7], 2);
  const error = assertThrows(() => lost.data(), BackendError);
  assert(error.message.includes("updated in place twice"));
  assertEquals([read.data()[7], sum.item(), p.data()[7]], [3, 0, 2]);
});

Deno.test("a freed tensor is reported", () => {
  const x = tensor([1, 2]);
  const y = x.mul(2);
  x.dispose();
  const error = assertThrows(() => y.item === undefined || y.toArray(), BackendError);
  assert(error.message.includes("dispose()"));
});

Deno.test("in-place methods compute the old value's uses right", () => {
  const x = tensor([1, 2]);
  const y = x.mul(2);
  x.add_(1);
  assertEquals(x.toArray(), [2, 3]);
  assertEquals(y.toArray(), [2, 4]);
});

Deno.test("a loop that only reads its loss does not recompute earlier steps", () => {
  const p = tensor([1, 2], { requiresGrad: true });
  const sizes: number[] = [];
  for (let i = 0; i < 6; i++) {
    const loss = p.square().sum();
    const [g] = autograd.grad(loss, [p]);
    noGrad(() => p.sub_(g!.mul(0.1)));
    sizes.push(explain(p.square().sum()).inputs);
    p.square().sum().item();
  }
  assertEquals(new Set(sizes.slice(1)).size, 1);
});

Deno.test("an unread chain does not grow without end", () => {
  let x = tensor([1, 2]);
  for (let i = 0; i < 3000; i++) x = x.mul(0.999).add(0.001);
  assert(x.rawNode.depth < 1000);
  assert(Math.abs((x.toArray() as number[])[0] - 1) < 1e-3);
});

Deno.test("an asynchronous read is not disturbed by an update in place meanwhile", async () => {
  const p = ones([1 << 20]);
  const f = compile(() => {
    p.mul_(3);
  });
  f();
  for (let i = 0; i < 5; i++) {
    const before = p.toArray() as number[];
    const sum = p.mul(2);
    const reading = sum.dataAsync();
    f();
    const data = await reading;
    assertEquals([data[0], data[data.length - 1]], [before[0] * 2, before[0] * 2]);
  }
});

Deno.test("a compiled function outlives the eviction of its graph from the cache", () => {
  const f = compile((x: Tensor) => x.mul(3));
  f(tensor([1]));
  clearExecutables();
  assertEquals(f(tensor([2])).toArray(), [6]);
});

Deno.test("a compiled function is a part of what is differentiated around it", () => {
  const w = tensor([1, 2], { requiresGrad: true });
  const cube = compile((x: Tensor) => x.pow(3));
  const x = tensor([2, 3]);
  assertEquals(func.grad((x: Tensor) => cube(x).sum())(x).toArray(), [12, 27]);
  assertEquals(func.jacrev(cube)(x).toArray(), [[12, 0], [0, 27]]);
  assertEquals(func.jvp(cube, [x], [ones([2])])[1].toArray(), [12, 27]);
  assertEquals(func.hessian((x: Tensor) => cube(x).sum())(x).toArray(), [[12, 0], [0, 18]]);
  cube(w.mul(2)).add(w).sum().backward();
  assertEquals(w.grad!.toArray(), [25, 97]);
  assertEquals(cube.traces, 0);
  assertEquals(noGrad(() => cube(w.mul(2))).toArray(), [8, 64]);
  assertEquals(cube.traces, 1);
});

Deno.test("compile() of a function that leaves nothing behind", () => {
  const w = ones([2], { requiresGrad: true });
  w.grad = ones([2]);
  const f = compile((x: Tensor) => {
    w.mul(x);
    w.grad = null;
    return "done";
  });
  assertEquals([f(ones([2])), f(ones([2])), w.grad], ["done", "done", null]);
  assertEquals(compile(() => {})(), undefined);
});

Deno.test("gradients that share memory are not written over each other", () => {
  const a = tensor([1, 2], { requiresGrad: true }), b = tensor([3, 5], { requiresGrad: true });
  const kept = tensor([1, 2], { requiresGrad: true });
  a.add(b).add(kept).sum().backward();
  assertEquals([a.grad!.toArray(), b.grad!.toArray()], [[1, 1], [1, 1]]);
  const f = compile(() => {
    a.grad = zeros([2]);
    b.grad = zeros([2]);
    a.mul(b).sum().backward();
  });
  for (let i = 0; i < 3; i++) {
    f();
    assertEquals([a.grad!.toArray(), b.grad!.toArray()], [[3, 5], [1, 2]]);
  }
  assertEquals(kept.grad!.toArray(), [1, 1]);
});

Deno.test("compile() draws what the function itself would draw", () => {
  const f = (x: Tensor) => {
    const a = randn([3]), b = rand([2]);
    randn([5]); // not used, drawn all the same
    return [b, a.mul(x), b.sum().mul(randn([2]))];
  };
  const g = compile(f), x = tensor([1, 2, 3]);
  const run = (f: (x: Tensor) => Tensor[]) => {
    manualSeed(7);
    return [f(x), f(x), f(x)].map((out) => out.map((t) => t.toArray()));
  };
  const eager = run(f);
  assertEquals(run(g), eager);
  assertEquals(run(g), eager);
});

Deno.test("compile() takes functions that compute nothing", () => {
  assertEquals(compile((x: Tensor) => x.unbind(0))(zeros([0])), []);
  assertEquals(compile(() => 3)(), 3);
});

Deno.test("compile() updates scalars made of a number, and leaves the number as it is", () => {
  const total = zeros([]), one = ones([]);
  assertEquals([total.item(), one.item()], [0, 1]);
  const add = compile((x: Tensor) => {
    total.add_(x.sum());
    one.mul_(2);
  });
  add(tensor([1, 2]));
  add(tensor([1, 2]));
  assertEquals([total.item(), one.item()], [6, 4]);
  // 0 and 1 are part of many graphs.
  assertEquals([zeros([]).item(), ones([]).item(), tensor([3]).add(zeros([])).item()], [0, 1, 3]);
  assertEquals(tensor([-1, 5]).relu().toArray(), [0, 5]);
});

Deno.test("compile() carries a hidden state that is written in place", () => {
  const carried = () => {
    const hidden = zeros([2]);
    return (x: Tensor) => hidden.copy_(hidden.mul(0.5).add(x)).sum();
  };
  const eager = carried(), compiled = compile(carried());
  for (const x of [1, 2, 3]) {
    const input = tensor([x, -2 * x]);
    assertEquals(compiled(input).item(), eager(input).item());
  }
});

Deno.test("a compiled loop writes over the memory of parameters that were made by detach()", () => {
  const w = zeros([100]).detach().requiresGrad_(), other = w.detach();
  const step = compile(() => void noGrad(() => w.add_(1)));
  for (let k = 0; k < 3; k++) step();
  const before = memory().storages.allocatedBytes;
  for (let k = 0; k < 5; k++) step();
  assertEquals(memory().storages.allocatedBytes, before);
  assertEquals([w.data()[7], other.data()[7]], [8, 8]);
});
