/**
 * Leaves that optimizers updated, and values that were built before: the leaf is one tensor for
 * `backward()` and `autograd.grad`, with one gradient and its hooks.
 */

import {
  autograd,
  compile,
  FuncOptimizer,
  noGrad,
  SGD,
  sgd,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assert, assertEquals, assertThrows } from "@std/assert";

const leaf = (values: number[]) => tensor(values, { dtype: "float64", requiresGrad: true });

/** A leaf [1, 2], its square, and the leaf after a step to [0.5, 1]. */
function stepped(): { p: Tensor; before: Tensor; optimizer: SGD } {
  const p = leaf([1, 2]), optimizer = new SGD([p], { lr: 0.25 });
  const before = p.square();
  before.sum().backward();
  optimizer.step();
  optimizer.zeroGrad({ setToNone: true });
  return { p, before, optimizer };
}

Deno.test("backward() adds up what reaches a leaf before and after a step", () => {
  const { p, before } = stepped();
  before.mul(p).sum().backward();
  // d(a^2 b)/da + d(a^2 b)/db at a = 1, b = 0.5 and a = 2, b = 1.
  assertEquals(p.grad!.toArray(), [2 * 1 * 0.5 + 1, 2 * 2 * 1 + 4]);
  before.mul(p).sum().backward();
  assertEquals(p.grad!.toArray(), [4, 16]);
});

Deno.test("autograd.grad() finds a leaf where values were built from it before a step", () => {
  const { p, before } = stepped();
  const [both] = autograd.grad(before.mul(p).sum(), [p], { createGraph: true });
  assertEquals(both!.toArray(), [2, 8]);
  // 2 a b + a^2: 2 b + 2 a by a, 2 a by b.
  assertEquals(autograd.grad(both!.sum(), [p])[0]!.toArray(), [1 + 2 + 2, 2 + 4 + 4]);
  assertEquals(autograd.grad(before.sum(), [p])[0]!.toArray(), [2, 4]);
  const fresh = leaf([3, 3]);
  const [a, b] = autograd.grad(before.mul(fresh).sum(), [fresh, p]);
  assertEquals([a!.toArray(), b!.toArray()], [[1, 4], [6, 12]]);
});

Deno.test("backward() with inputs finds them likewise", () => {
  const { p, before } = stepped();
  before.mul(p).sum().backward(null, { inputs: [p] });
  assertEquals(p.grad!.toArray(), [2, 8]);
});

Deno.test("a hook stays with a parameter over steps, edits and freezing", () => {
  const p = leaf([1, 2]), optimizer = new SGD([p], { lr: 0.5 });
  const hook = p.registerHook((g) => g.mul(0));
  const gradient = () => {
    optimizer.zeroGrad({ setToNone: true });
    p.square().sum().backward();
    return p.grad!.toArray();
  };
  assertEquals(gradient(), [0, 0]);
  optimizer.step();
  assertEquals(gradient(), [0, 0]);
  noGrad(() => p.add_(1));
  assertEquals(gradient(), [0, 0]);
  p.requiresGrad_(false).requiresGrad_(true);
  assertEquals(gradient(), [0, 0]);
  const step = compile(() => {
    optimizer.zeroGrad();
    p.square().sum().backward();
    optimizer.step();
  });
  step();
  step();
  assertEquals(p.toArray(), [2, 3]);
  hook.remove();
  assertEquals(gradient(), [4, 6]);
});

Deno.test("a frozen tensor keeps its gradient, and gets no other", () => {
  const p = leaf([1, 2]), w = leaf([1, 1]), optimizer = new SGD([p, w], { lr: 0.5 });
  p.mul(w).sum().backward();
  const old = p.mul(w).mul(3).sum();
  p.requiresGrad_(false);
  assert(!p.requiresGrad);
  assertEquals(p.grad!.toArray(), [1, 1]);
  old.backward();
  assertEquals(p.grad!.toArray(), [1, 1]);
  assertEquals(w.grad!.toArray(), [4, 8]);
  // As in PyTorch, a step uses the gradient that is there.
  optimizer.step();
  assertEquals(p.toArray(), [0.5, 1.5]);
  noGrad(() => p.mul_(2));
  assertEquals(p.grad!.toArray(), [1, 1]);
  p.requiresGrad_(true);
  p.sum().backward();
  assertEquals(p.grad!.toArray(), [2, 2]);
});

Deno.test("compile() leaves a frozen tensor frozen, with its gradient", () => {
  const p = leaf([1, 2]), optimizer = new SGD([p], { lr: 0.5 });
  p.sum().backward();
  p.requiresGrad_(false);
  const step = compile(() => optimizer.step());
  step();
  step();
  assertEquals(p.toArray(), [0, 1]);
  assert(!p.requiresGrad);
  assertEquals(p.grad!.toArray(), [1, 1]);
});

Deno.test("a buffer with history is no leaf inside of compile()", () => {
  const p = leaf([1, 2]), buffer = tensor([0, 0], { dtype: "float64" });
  buffer.add_(p);
  assert(buffer.requiresGrad && !buffer.isLeaf);
  const update = compile((x: Tensor) => {
    noGrad(() => buffer.mul_(x));
  });
  update(tensor(2, { dtype: "float64" }));
  assertEquals(buffer.toArray(), [2, 4]);
  assert(!buffer.requiresGrad);
  buffer.add_(p);
  assertEquals(buffer.toArray(), [3, 6]);
  const again = compile(() => void buffer.requiresGrad_(false));
  assertThrows(again, Error, "requiresGrad_: a tensor with a history cannot be switched off");
});

Deno.test("steps in place of parameters that were computed keep their history", () => {
  // As in PyTorch: without recording, a change in place changes the value only.
  const start = leaf([4, 8]), optimizer = new FuncOptimizer(sgd({ lr: 0.25 }));
  const [p] = optimizer.step(start.square().sum().div(2), [start]);
  assertEquals(p.toArray(), [3, 6]);
  assert(!p.isLeaf);
  for (const want of [[2.25, 4.5], [1.6875, 3.375]]) {
    optimizer.step(p.square().sum().div(2), [p], { inplace: true });
    assertEquals(p.toArray(), want);
    assert(p.requiresGrad);
  }
  // The derivative of the first step.
  assertEquals(autograd.grad(p.sum(), [start])[0]!.toArray(), [0.75, 0.75]);
});
