import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  Adam,
  applyUpdates,
  BackendError,
  compile,
  MetaAdam,
  nn,
  noGrad,
  ones,
  SGD,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { apply, definePrimitive } from "../../src/graph/node.ts";
import { wrap } from "../../src/tensor/core.ts";
import { holdCopy } from "../../src/tensor/pending.ts";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const parameter = () => tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });

/** Steps of a parameter, as they are and compiled. */
function steppers(): { p: Tensor; step: () => void }[] {
  return [false, true].map((compiled) => {
    const p = parameter(), optimizer = new SGD([p], { lr: 0.1 });
    const step = () => {
      optimizer.zeroGrad();
      p.square().sum().backward();
      optimizer.step();
    };
    return { p, step: compiled ? compile(step) : step };
  });
}

Deno.test("clone() keeps its value when the tensor is updated in place, read or not", () => {
  for (const { p, step } of steppers()) {
    step();
    noGrad(() => p.copy_(tensor([1, 2, 3], { dtype: "float64" })));
    const copies = [
      p.clone(),
      p.detach().clone(),
      p.clone().detach().requiresGrad_(),
      tensor(p),
      p.clone().mul(1),
    ];
    step();
    const later = p.clone();
    step();
    for (const copy of copies) assertEquals(copy.toArray(), [1, 2, 3]);
    assertAlmostEquals(later.data()[2] as number, 2.4);
    assertAlmostEquals(p.data()[2] as number, 1.92);
  }
});

Deno.test("in-place methods keep what they computed from parameters over the next steps", () => {
  for (const { p, step } of steppers()) {
    const average = zeros([3], { dtype: "float64" }), total = zeros([], { dtype: "float64" });
    let value = 3, wanted = 0, sum = 0;
    for (let i = 0; i < 4; i++) {
      step();
      average.mul_(0.5).add_(p.detach(), { alpha: 0.5 });
      noGrad(() => total.add_(p.sum()));
      value *= 0.8;
      wanted = 0.5 * wanted + 0.5 * value;
      sum += 2 * value;
    }
    step();
    assertAlmostEquals(average.data()[2] as number, wanted);
    assertAlmostEquals(total.item(), sum);
  }
});

Deno.test("many unread copies are computed before they are forgotten", () => {
  for (const { p, step } of steppers()) {
    const copies = Array.from({ length: 200 }, () => p.clone());
    step();
    for (const copy of copies) assertEquals(copy.toArray(), [1, 2, 3]);
  }
});

Deno.test("a copy that cannot be computed does not stop the step", () => {
  for (const { p, step } of steppers()) {
    const index = tensor([9], { dtype: "int64" });
    const broken = zeros([1], { dtype: "float64" }), copy = p.clone();
    noGrad(() => broken.add_(p.indexSelect(0, index)));
    step();
    assertEquals(copy.toArray(), [1, 2, 3]);
    assertAlmostEquals(p.data()[0] as number, 0.8);
    assertThrows(() => broken.data(), RangeError, "index: got the index 9");
  }
});

Deno.test("a step that fails leaves parameters, states and statistics as they were", () => {
  for (const compiled of [false, true]) {
    const a = ones([300]).requiresGrad_(), table = ones([4, 2]).requiresGrad_();
    const norm = new nn.BatchNorm1d(2), optimizer = new Adam([a, table], { lr: 0.1 });
    const run = (index: Tensor) => {
      optimizer.zeroGrad();
      const rows = norm.call(table.indexSelect(0, index).square());
      a.square().sum().mul(0.5).add(rows.sum()).backward();
      optimizer.step();
    };
    const step = compiled ? compile(run) : run;
    const state = () => [
      a.toArray(),
      table.toArray(),
      optimizer.stateDict(),
      norm.runningMean!.toArray(),
      norm.numBatchesTracked!.toArray(),
    ];
    const good = tensor([1, 2], { dtype: "int64" }), bad = tensor([1, 9], { dtype: "int64" });
    step(good);
    const before = state();
    assertThrows(() => step(bad), RangeError, "index: got the index 9");
    assertEquals(state(), before);
    step(good);
  }
});

Deno.test("a step of a differentiable optimizer that fails leaves the module as it was", () => {
  const net = new nn.Linear(2, 2), optimizer = new MetaAdam(net, { lr: 0.1 }).eval();
  const loss = (at: number) =>
    net.call(ones([1, 2])).indexSelect(1, tensor([at], { dtype: "int64" })).sum();
  optimizer.step(loss(1));
  const before = [net.weight.toArray(), net.weight, optimizer.stateDict()];
  assertThrows(() => optimizer.step(loss(9)), RangeError, "index: got the index 9");
  assertEquals([net.weight.toArray(), net.weight, optimizer.stateDict()], before);
  optimizer.step(loss(0));
});

Deno.test("an update that needs a lost value names the tensor, and changes nothing", () => {
  const p = [parameter(), tensor([[4, 5]], { requiresGrad: true })], lost = tensor([[1, 1]]);
  const updates = [p[0].mul(0).detach(), p[1].mul(lost).detach()];
  lost.dispose();
  const error = assertThrows(() => applyUpdates(p, updates), BackendError);
  assertStringIncludes(error.message, "update: the new value of a float32 tensor of shape [1, 2]");
  assertStringIncludes(error.message, "was freed by dispose()");
  assertEquals(p.map((x) => x.toArray()), [[1, 2, 3], [[4, 5]]]);
});

Deno.test("a fault of the library is not taken for a value that cannot be computed", () => {
  const broken = definePrimitive<null>({
    name: "broken",
    infer: ([x]) => x,
    lower: () => {
      throw new TypeError("a fault");
    },
    vjp: "none",
    batch: "none",
  });
  const p = parameter(), optimizer = new SGD([p], { lr: 0.1 });
  p.sum().backward();
  holdCopy(wrap(apply(broken, [p.node], null)));
  assertThrows(() => optimizer.step(), TypeError, "a fault");
  assertEquals(p.toArray(), [1, 2, 3]);
  optimizer.step();
  assertClose(p, [0.9, 1.9, 2.9], 1e-12);
});
