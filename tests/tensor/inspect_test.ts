import { assert, assertEquals, AssertionError, assertThrows } from "@std/assert";
import {
  Adam,
  arange,
  compile,
  explain,
  func,
  nn,
  ones,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

const show = (x: unknown) => Deno.inspect(x, { colors: false });

Deno.test("console.log shows shape, dtype and values of a tensor", () => {
  const cases: [Tensor, string][] = [
    [tensor([[1, 2], [3, 4]]), "Tensor [2, 2] float32\n[[1., 2.],\n [3., 4.]]"],
    [tensor(3.14159), "Tensor [] float32 3.1416"],
    [tensor([1, 2.5], { dtype: "float64" }), "Tensor [2] float64 [1.0000, 2.5000]"],
    [tensor([1, 2], { requiresGrad: true }), "Tensor [2] float32 requiresGrad [1., 2.]"],
    [tensor([1n, -200n]), "Tensor [2] int64 [   1, -200]"],
    [tensor([true, false]), "Tensor [2] bool [ true, false]"],
    [tensor([NaN, -Infinity, 1]), "Tensor [3] float32 [ nan, -inf,   1.]"],
    [tensor([-0, 1e-6]), "Tensor [2] float32 [0.0000e+00, 1.0000e-06]"],
    [tensor([2e9]), "Tensor [1] float32 [2.0000e+09]"],
    [tensor([]), "Tensor [0] float32 []"],
    [zeros([2, 0]), "Tensor [2, 0] float32 []"],
    [tensor([[[1], [2]]]), "Tensor [1, 2, 1] float32\n[[[1.],\n  [2.]]]"],
    [arange(2000), "Tensor [2000] float32 [   0.,    1.,    2., ..., 1997., 1998., 1999.]"],
  ];
  for (const [x, text] of cases) assertEquals(show(x), text);
  const large = show(arange(2000).reshape(50, 40));
  assertEquals(large.split("\n").length, 1 + 7);
  assertEquals(large.match(/\.\.\./g)!.length, 7);
  assertEquals(show({ x: ones([2, 1]) }), "{\n  x: Tensor [2, 1] float32\n  [[1.],\n   [1.]]\n}");
  assertEquals(show(arange(40)).split("\n").length, 1 + 3);
});

Deno.test("templates and console.log show all digits of int64, and NaN", () => {
  const x = tensor([2n ** 53n + 1n, -(2n ** 62n) - 3n]);
  assertEquals(`${x}`, "Tensor [2] int64 [9007199254740993,-4611686018427387907]");
  assert(show(x).includes("9007199254740993") && show(x).includes("-4611686018427387907"));
  assertEquals(`${tensor([[NaN], [-Infinity]])}`, "Tensor [2, 1] float32 [[NaN],[-Infinity]]");
  assertEquals(`${tensor([true, false])}`, "Tensor [2] bool [true,false]");
});

Deno.test("console.log of a value that was not read computes it, and leaves it unread", () => {
  const x = tensor([1, 2], { requiresGrad: true }), y = x.mul(3);
  assertEquals(show(y), "Tensor [2] float32 requiresGrad [3., 6.]");
  assertEquals(y.rawNode.storage, null);
  assertEquals(show(zeros([2000, 1000]).add(1)), "Tensor [2000, 1000] float32 (not computed yet)");
});

Deno.test("console.log in a training loop changes nothing", () => {
  const run = (log: (...values: unknown[]) => void) => {
    const w = tensor([1, 2], { requiresGrad: true }), optimizer = new Adam([w], { lr: 0.1 });
    const losses: number[] = [];
    let before: Tensor | null = null;
    for (let i = 0; i < 5; i++) {
      optimizer.zeroGrad();
      const hidden = w.square(), loss = hidden.sum();
      log(w, hidden, loss, before);
      loss.backward();
      log(w, hidden, loss, w.grad);
      optimizer.step();
      log(w, hidden, loss, w.grad, before);
      before = hidden;
      losses.push(loss.item());
    }
    return [losses, w.toArray()];
  };
  assertEquals(run((...values) => values.forEach(show)), run(() => {}));
});

Deno.test("console.log never throws: inside functions that are traced, of what is gone", () => {
  const seen: string[] = [], kept = tensor([1]);
  const look = (x: Tensor) => {
    seen.push(show(x), show(x.add(1)), show(kept), `${x} ${kept}`);
    return x.mul(2);
  };
  compile(look)(ones([2]));
  func.vmap(look)(ones([2, 2]));
  func.grad((x: Tensor) => look(x).sum())(ones([2]));
  assert(seen.every((text) => /^Tensor \[/.test(text)), seen.join("\n"));
  assert(seen[0].includes("not known inside compile()"));
  const x = tensor([1, 1]), y = x.add(1);
  x.dispose();
  assertEquals(show(x), "Tensor [2] float32 (freed)");
  assert(show(y).startsWith("Tensor [2] float32 (cannot be computed: read:"));
  assertEquals(`${x}`, "Tensor [2] float32 (freed)");
});

Deno.test("console.log of an explanation and of a module", () => {
  const explanation = explain(tensor([1, 2]).mul(3));
  assertEquals(show(explanation), explanation.toString());
  assert(show(explanation).includes("1 step(s)"));
  assert(show(new nn.Linear(1, 2)).includes("weight: Tensor [2, 1] float32 requiresGrad\n"));
});

Deno.test("structuredClone and postMessage of a tensor say what to send instead", () => {
  const { port1, port2 } = new MessageChannel();
  for (const x of [ones([2]), ones([2]).add(1), { w: [ones([2])] }, new nn.Linear(1, 1)]) {
    for (const send of [() => structuredClone(x), () => port1.postMessage(x)]) {
      const { message } = assertThrows(send) as Error;
      assert(message.includes("Send x.data(), x.shape and x.dtype"), message);
    }
  }
  port1.close();
  port2.close();
  const x = tensor([[1, 2]], { dtype: "float64" });
  const { data, shape, dtype } = structuredClone({
    data: x.data(),
    shape: x.shape,
    dtype: x.dtype,
  });
  assertEquals(tensor(data as Float64Array, { shape, dtype }).toArray(), [[1, 2]]);
});

Deno.test("tensors that are compared property by property are shown", () => {
  const x = tensor([1, 2]);
  const { message } = assertThrows(() => assertEquals(x.add(1), x.mul(3)), AssertionError) as Error;
  assert(message.includes("not equal"), message);
});
