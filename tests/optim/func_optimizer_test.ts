import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { adam, autograd, FuncOptimizer, sgd, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { cases } from "../helpers/optimizer_table.ts";

const params = () => ({
  w: tensor([1, -2], { dtype: "float64", requiresGrad: true }),
  b: tensor(0.5, { dtype: "float64", requiresGrad: true }),
});
type Params = ReturnType<typeof params>;

const lossOf = ({ w, b }: Params) => w.mul(b).sum().sub(1).square().add(w.square().sum());
const numbers = ({ w, b }: Params) => [...w.data(), b.item()].map(Number);

Deno.test("FuncOptimizer does the same in place and not", () => {
  for (const { label, entry: { make }, options } of cases) {
    const pure = new FuncOptimizer(make(options));
    const inPlace = new FuncOptimizer(make(options), { inplace: true });
    let a = params();
    const b = params();
    for (let t = 0; t < 3; t++) {
      a = pure.step(lossOf(a), a);
      assert(inPlace.step(lossOf(b), b) === b, label);
    }
    assert(!a.w.isLeaf && b.w.isLeaf, label);
    const expected = numbers(a);
    assertClose(numbers(b), expected, 1e-10, label);
  }
});

Deno.test("FuncOptimizer can be differentiated through its steps", () => {
  const lr = tensor(0.1, { dtype: "float64", requiresGrad: true });
  const optimizer = new FuncOptimizer(sgd({ lr }));
  let x: { x: Tensor } = { x: tensor(2, { dtype: "float64", requiresGrad: true }) };
  for (let t = 0; t < 2; t++) x = optimizer.step(x.x.square(), x);
  // x2 = (1 - 2 lr)^2 x0
  assertAlmostEquals(autograd.grad(x.x, [lr])[0]!.item(), 2 * 0.8 * -2 * 2, 1e-12);
});

Deno.test("FuncOptimizer leaves parameters alone that the loss does not depend on", () => {
  const p = params(), next = new FuncOptimizer(adam()).step(p.w.sum(), p);
  assert(next.b === p.b && next.w !== p.w);
});

Deno.test("FuncOptimizer hands its state out and takes it back", () => {
  const first = new FuncOptimizer(adam({ lr: 0.1 })), second = new FuncOptimizer(adam({ lr: 0.1 }));
  assertEquals(first.stateDict(), null);
  let p = params();
  p = first.step(lossOf(p), p);
  const state = first.stateDict();
  second.loadStateDict(state);
  assert(second.stateDict() === state);
  assertEquals(numbers(second.step(lossOf(p), p)), numbers(first.step(lossOf(p), p)));
});

Deno.test("FuncOptimizer refuses a loss that is no tensor and states of other trees", () => {
  const optimizer = new FuncOptimizer(adam()), p = params();
  assertThrows(
    () => optimizer.step(1 as never, p),
    TypeError,
    "the loss is 1, wants a scalar tensor",
  );
  optimizer.step(lossOf(p), p);
  const v = tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });
  assertThrows(() => optimizer.step(v.sum(), { v }), TypeError, "belongs to another tree");
  assertThrows(() => new FuncOptimizer({} as never), TypeError, "wants a gradient transformation");
});

Deno.test("FuncOptimizer.step() takes null for the constructor's inplace", () => {
  for (const inplace of [true, false]) {
    const w = tensor([1, 2], { requiresGrad: true });
    const optimizer = new FuncOptimizer(sgd({ lr: 1 }), { inplace });
    const [next] = optimizer.step(w.square().sum(), [w], { inplace: null });
    assertEquals(next === w, inplace);
  }
});
