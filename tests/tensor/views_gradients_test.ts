/** Derivatives of what views see and change. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  autograd,
  checkpoint,
  compile,
  func,
  GradientError,
  nn,
  noGrad,
  ones,
  SGD,
  stack,
  Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const leaf = (values: number[]) => tensor(values, { ...f64, requiresGrad: true });
const list = (x: Tensor) => Array.from(x.data(), Number);

Deno.test("a view of a leaf that requires a gradient is changed inside of noGrad() only", () => {
  const w = leaf([1, 2, 3]), view = w.narrow(0, 0, 2);
  for (const change of [() => view.fill_(9), () => w.view(3).select(0, 1).mul_(2)]) {
    assertThrows(change, GradientError, "wrap the update in noGrad");
  }
  assertEquals(list(w), [1, 2, 3]);
  noGrad(() => view.fill_(9));
  w.detach().select(0, 2).fill_(7);
  noGrad(() => view.detach().select(0, 1).add_(1));
  assertEquals([list(w), list(view)], [[9, 10, 7], [9, 10]]);
  assert(w.isLeaf && w.requiresGrad);
  // Views keep their path to the leaf.
  view.square().sum().add(w.sum()).backward();
  assertEquals(list(w.grad!), [19, 21, 1]);
});

for (const [name, make] of Object.entries({ SGD, Adam })) {
  Deno.test(`parameters that are edited by views go on to be trained, ${name}`, () => {
    const train = (edit: (w: Tensor) => void, wrap: (fn: () => void) => () => void) => {
      const net = new nn.Linear(3, 2);
      noGrad(() => net.parameters().forEach((p, i) => p.copy_(ones(p.shape).mul(i + 0.5))));
      const optimizer = new make(net.parameters(), { lr: 0.1 });
      const x = tensor([[1, -2, 0.5]]), row = net.weight.select(0, 0);
      const step = wrap(() => {
        optimizer.zeroGrad();
        net.call(x).square().sum().backward();
        optimizer.step();
        noGrad(() => edit(net.weight));
      });
      for (let k = 0; k < 4; k++) step();
      assertEquals(list(row), list(net.weight).slice(0, 3));
      return net.parameters().map(list);
    };
    const byMask = (w: Tensor) => w.mul_(tensor([[1, 0, 1], [1, 1, 1]]));
    const byView = (w: Tensor) => w.narrow(0, 0, 1).narrow(1, 1, 1).zero_();
    const byData = (w: Tensor) => w.detach().select(0, 0).select(0, 1).zero_();
    const plain = (fn: () => void) => fn, compiled = (fn: () => void) => compile(fn);
    const want = train(byMask, plain);
    for (const edit of [byView, byData]) {
      for (const wrap of [plain, compiled]) assertEquals(train(edit, wrap), want);
    }
  });
}

Deno.test("a change of a view of a result is differentiated", () => {
  // h = [w0 w1, 5, w2 w2]; the loss is the sum of cubes.
  const f = (w: Tensor) => {
    const h = w.mul(2);
    h.select(0, 1).fill_(5);
    h.narrow(0, 0, 1).copy_(w.narrow(0, 0, 1).mul(w.narrow(0, 1, 1)));
    h.slice([-1]).mul_(w.select(0, 2)).div_(2);
    return h.pow(3).sum();
  };
  const w = tensor([2, 3, -1], f64);
  assertEquals(list(func.grad(f)(w) as Tensor), [3 * 36 * 3, 3 * 36 * 2, -6]);
  const wanted = (w: Tensor) => {
    const [a, b, c] = w.unbind();
    return stack([a.mul(b), tensor(5, f64), c.mul(c)]).pow(3).sum();
  };
  for (const g of [f, wanted]) {
    const derivatives = [func.hessian(g)(w), func.jacfwd(g)(w), func.jacrev(g)(w)];
    const [hessian, ...gradients] = derivatives.map((x) => (x as Tensor).toArray());
    const second = [[324, 324, 0], [324, 144, 0], [0, 0, 30]];
    assertEquals([hessian, gradients], [second, [[324, 216, -6], [324, 216, -6]]]);
  }
  const direction = tensor([1, -1, 2], f64);
  assertEquals(
    func.jvp(f, [w], [direction])[1].item(),
    func.jvp(wanted, [w], [direction])[1].item(),
  );
  assertEquals(list(func.grad(checkpoint(f))(w) as Tensor), list(func.grad(f)(w) as Tensor));
  assertEquals(list(compile((w: Tensor) => func.grad(f)(w))(w) as Tensor), [324, 216, -6]);
  const batch = stack([w, w.neg()]);
  assertEquals(
    (func.vmap(func.grad(f))(batch) as Tensor).toArray(),
    batch.unbind().map((row) => list(func.grad(wanted)(row) as Tensor)),
  );
});

Deno.test("values with a history are written into buffers without", () => {
  const w = leaf([2, 3]), buffer = zeros([2, 2], f64), row = buffer.select(0, 1);
  row.copy_(w.square());
  assert(buffer.requiresGrad);
  buffer.mul(tensor([[1, 1], [10, 100]], f64)).sum().backward();
  assertEquals(list(w.grad!), [40, 600]);
});

Deno.test("without recording, or through detach(), only values change", () => {
  const edits: ((h: Tensor) => void)[] = [
    (h) => noGrad(() => h.mul_(3)),
    (h) => noGrad(() => h.narrow(0, 0, 2).mul_(3)),
    (h) => h.detach().mul_(3),
    (h) => h.detach().view(2).mul_(3),
  ];
  for (const edit of edits) {
    const w = leaf([1, 2]), h = w.mul(2);
    edit(h);
    assertEquals(list(h), [6, 12]);
    // As in PyTorch: d(h^2)/dw = 2 h dh/dw, with the history of before.
    h.square().sum().backward();
    assertEquals(list(w.grad!), [24, 48]);
  }
  const cut = zeros([2], f64).detach();
  const buffer = zeros([2], f64), detached = buffer.detach();
  detached.copy_(leaf([1, 2]));
  assertEquals([buffer.requiresGrad, detached.requiresGrad, list(buffer)], [false, true, [1, 2]]);
  assert(!cut.requiresGrad);
});

Deno.test("a result that is overwritten as a whole has no history", () => {
  const w = leaf([1, 2]), h = w.mul(2), view = h.view(2);
  view.zero_();
  assertEquals([h.requiresGrad, view.requiresGrad], [false, false]);
  h.mul(w).sum().backward();
  assertEquals(list(w.grad!), [0, 0]);
});

Deno.test("what views are for gradients stays when the tensor changes", () => {
  // A view that is a leaf of its own.
  const x = zeros([2], f64), own = x.narrow(0, 0, 1).requiresGrad_();
  x.add_(1);
  own.mul(3).sum().backward();
  assertEquals([list(own), list(own.grad!), own.isLeaf], [[1], [3], true]);
  // A tensor that became a leaf after its view was made.
  const w = zeros([2], f64), head = w.narrow(0, 0, 1);
  w.requiresGrad_();
  noGrad(() => head.fill_(4));
  assertEquals([list(w), w.isLeaf, w.requiresGrad], [[4, 0], true, true]);
  // A kept gradient.
  const v = leaf([1, 2]), h = v.mul(1), part = h.narrow(0, 0, 1);
  part.retainGrad();
  h.mul_(2);
  part.sum().backward();
  assertEquals([list(v.grad!), list(part.grad!)], [[2, 0], [1]]);
  // A view that was cut off.
  const u = leaf([1, 2]), all = u.mul(1), cut = all.narrow(0, 0, 1).detach_();
  cut.fill_(5);
  all.square().sum().backward();
  assertEquals([list(all), list(u.grad!)], [[5, 2], [10, 4]]);
});

Deno.test("a gradient reaches a leaf from before and after a change", () => {
  const w = leaf([1, 2]), before = w.square();
  noGrad(() => w.mul_(10));
  before.add(w.square()).sum().backward();
  assertEquals(list(w.grad!), [22, 44]);
});

Deno.test("autograd.grad() of a value that a later change of its view does not reach", () => {
  const w = leaf([3, 4]), h = w.mul(1), square = h.square();
  h.narrow(0, 0, 1).fill_(100);
  assertEquals(list(autograd.grad(square.sum(), [w])[0]!), [6, 8]);
  assert(h instanceof Tensor);
});
