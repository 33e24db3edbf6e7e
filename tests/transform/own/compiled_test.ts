/** Transformations that users write, and optimizers of them, inside of compile(). */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  chain,
  compile,
  extractStateDict,
  FuncOptimizer,
  GradientError,
  gradientTransformation,
  MetaSGD,
  nn,
  recoverStateDict,
  type Tensor,
  tensor,
  type TensorTree,
  transform,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import "../../helpers/seed.ts";
import { f64, leaf, list, momentum, plain, walked } from "./transformations.ts";

Deno.test("states that are made and used inside of a compiled function may hold numbers", () => {
  const counting = gradientTransformation<{ t: number }>({
    init: () => ({ t: 1 }),
    update: (g, { t }) => [treeMap((x: Tensor) => x.mul(t), g), { t: t + 1 }],
  });
  const run = compile((x: Tensor) => {
    const optimizer = new FuncOptimizer(chain(counting, transform.scale(-1)));
    let p = { x };
    for (let i = 0; i < 3; i++) p = optimizer.step(p.x.mul(2).sum(), p);
    return p.x;
  });
  for (let i = 0; i < 2; i++) assertEquals(list(run(leaf([20, 30]))), [8, 18]);
});

Deno.test("a compiled step of FuncOptimizer goes on with its state", () => {
  for (const make of [momentum, plain, () => transform.trace({ momentum: 0.5 })]) {
    for (const inplace of [true, false]) {
      const optimizer = new FuncOptimizer(chain(make(), transform.scale(-1)), { inplace });
      const step = compile((p: { w: Tensor }) => optimizer.step(p.w.mul(f64([1, 2])).sum(), p));
      let p = { w: leaf([0, 0]) };
      for (let t = 1; t <= 4; t++) {
        p = step(inplace ? p : { w: p.w.detach().requiresGrad_() });
        assertEquals(list(p.w), walked(t));
        if (inplace) p.w.requiresGrad_();
      }
    }
  }
});

Deno.test("the first step of FuncOptimizer inside compile() says what it cannot know", () => {
  const anchored = () =>
    gradientTransformation<TensorTree>({ init: (params) => params, update: (_g, s) => [s, s] });
  const optimizer = new FuncOptimizer(anchored()), p = { w: leaf([1, 2]) };
  const step = compile((p: { w: Tensor }) => optimizer.step(p.w.sum(), p));
  assertThrows(() => step(p), TypeError, "call init(params) or take a step outside first");
  optimizer.init(p);
  assertEquals(list(step(p).w), [2, 4]);
});

Deno.test("a compiled function that leaves steps of a MetaOptimizer behind is refused", () => {
  class Net extends nn.Module {
    w: Tensor = new nn.Parameter([0, 0]);

    forward(c: Tensor): Tensor {
      return this.w.mul(c).sum();
    }
  }
  const net = new Net(), optimizer = new MetaSGD(net, { lr: 1, momentum: 0.5 });
  const { w } = net, c = tensor([1, 2]);
  const inner = (restore: (net: Net) => void) =>
    compile((c: Tensor) => {
      const before = extractStateDict(net), state = extractStateDict(optimizer);
      optimizer.step(net.call(c));
      const { w } = net;
      recoverStateDict(net, before);
      recoverStateDict(optimizer, state);
      restore(net);
      return w;
    });
  const late = (net: Net) => optimizer.step(net.call(c));
  assertThrows(
    () => inner(late)(c),
    GradientError,
    "inside compile() w was left as a step made it",
  );
  const forgetful = compile((c: Tensor) => {
    const before = extractStateDict(net);
    optimizer.step(net.call(c));
    recoverStateDict(net, before);
  });
  assertThrows(() => forgetful(c), GradientError, "the state of the optimizer was left");
  // Nothing was changed by either.
  assert(net.w === w);
  const good = inner(() => {});
  for (let i = 0; i < 2; i++) assertEquals(list(good(c)), [-1, -2]);
  optimizer.step(net.call(c));
  assertEquals(list(net.w), [-1, -2]);
});
