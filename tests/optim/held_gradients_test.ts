/** Gradients that were taken from `p.grad` are read after several steps, when others took their place. */

import { Adam, compile, full, nn, type Optimizer, SGD, type Tensor } from "@torchopt/torchopt";
import { assertEquals } from "@std/assert";
import "../helpers/seed.ts";

const first = (x: Tensor) => x.select(0, 0).item();

/** One step on the sum of squares; the gradient is twice the value. */
function descend(p: Tensor, optimizer: Optimizer): void {
  optimizer.zeroGrad();
  p.square().sum().backward();
  optimizer.step();
}

const start = (n: number) => full([n], 2, { requiresGrad: true });

for (const n of [3, 300, 3000]) {
  Deno.test(`a gradient taken before the step, ${n} elements`, () => {
    const p = start(n), optimizer = new SGD([p], { lr: 0.25 });
    p.square().sum().backward();
    const g = p.grad!;
    optimizer.step();
    for (let i = 0; i < 3; i++) descend(p, optimizer);
    assertEquals([first(g), first(p)], [4, 0.125]);
  });

  Deno.test(`a gradient taken after the step, ${n} elements`, () => {
    const p = start(n), optimizer = new Adam([p], { lr: 0.25 });
    descend(p, optimizer);
    const g = p.grad!;
    for (let i = 0; i < 3; i++) descend(p, optimizer);
    assertEquals(first(g), 4);
  });

  Deno.test(`all gradients of a run, ${n} elements`, () => {
    const p = start(n), optimizer = new SGD([p], { lr: 0.25 }), held: Tensor[] = [];
    for (let i = 0; i < 5; i++) {
      descend(p, optimizer);
      held.push(p.grad!);
    }
    assertEquals(held.map(first), [4, 2, 1, 0.5, 0.25]);
  });

  Deno.test(`compiled steps write into the gradient that is there, ${n} elements`, () => {
    const p = start(n), optimizer = new SGD([p], { lr: 0.25 });
    p.square().sum().backward();
    const g = p.grad!, copy = g.clone(), step = compile(() => descend(p, optimizer));
    for (let i = 0; i < 3; i++) step();
    assertEquals([first(copy), first(g), first(p.grad!), first(p)], [4, 1, 1, 0.25]);
  });
}

Deno.test("gradients that were changed in place are held as changed", () => {
  const p = start(3000), optimizer = new SGD([p], { lr: 0.25 });
  p.square().sum().backward();
  const g = p.grad!.mul_(0.5);
  optimizer.step();
  for (let i = 0; i < 2; i++) descend(p, optimizer);
  assertEquals([first(g), first(p)], [2, 0.375]);
});

Deno.test("gradients of more than 64 parameters", () => {
  const params = Array.from({ length: 100 }, () => start(300));
  const optimizer = new SGD(params, { lr: 0.25 });
  const step = () => {
    optimizer.zeroGrad();
    params.map((p) => p.square().sum()).reduce((a, b) => a.add(b)).backward();
    optimizer.step();
  };
  step();
  const held = params.map((p) => p.grad!);
  step();
  step();
  assertEquals(held.map(first), params.map(() => 4));
});

Deno.test("a gradient keeps its value where the next one takes its place", () => {
  const p = start(3), net = new nn.Linear(1, 1);
  const optimizer = new SGD([p, net.weight], { lr: 0 });
  p.square().sum().backward();
  const g = p.grad!;
  p.square().sum().backward();
  assertEquals([first(g), first(p.grad!)], [4, 8]);
  optimizer.zeroGrad({ setToNone: false });
  assertEquals([first(g), first(p.grad!)], [4, 0]);
});
