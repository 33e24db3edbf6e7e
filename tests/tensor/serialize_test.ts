import { assertEquals, assertThrows } from "@std/assert";
import { Adam, autograd, type DType, nn, ones, ShapeError, tensor } from "@torchopt/torchopt";
import { readSaved, saved } from "../../src/tensor/serialize.ts";
import "../helpers/seed.ts";

const VALUES: Partial<Record<DType, readonly number[]>> = {
  float64: [0.1, -0, NaN, Infinity, -Infinity, 5e-324],
  float32: [0.1, -0, NaN, Infinity, 1e-45],
  float16: [0.1, -0, 65504],
  int64: [-3, Number.MAX_SAFE_INTEGER],
  int32: [-3, 7],
  uint8: [0, 255],
  bool: [0, 1],
};

Deno.test("Tensor.toJSON() keeps every element of every dtype", () => {
  for (const [dtype, values] of Object.entries(VALUES)) {
    const x = tensor(values as number[], { dtype: dtype as DType });
    const back = readSaved(JSON.parse(JSON.stringify(x)))!;
    assertEquals([back.shape, back.dtype], [[values.length], dtype as DType]);
    x.data().forEach((v, i) => assertEquals(Object.is(v, back.data[i]), true, `${dtype} ${v}`));
  }
  const large = saved([1], "int64", new BigInt64Array([2n ** 62n + 1n]));
  assertEquals(readSaved(JSON.parse(JSON.stringify(large)))!.data[0], 2n ** 62n + 1n);
});

Deno.test("tensor() takes what JSON made of a tensor", () => {
  for (const [dtype, values] of Object.entries(VALUES)) {
    const x = tensor([values, values] as number[][], { dtype: dtype as DType });
    for (const plain of [JSON.parse(JSON.stringify(x)), structuredClone(x.toJSON())]) {
      const back = tensor(plain);
      assertEquals([back.shape, back.dtype], [x.shape, x.dtype]);
      x.data().forEach((v, i) => assertEquals(Object.is(v, back.data()[i]), true, `${dtype} ${v}`));
    }
  }
  const scalar = JSON.parse(JSON.stringify(tensor(3))),
    empty = JSON.parse(JSON.stringify(ones([0])));
  assertEquals([tensor(scalar).shape, tensor(scalar).item()], [[], 3]);
  assertEquals(tensor(empty).shape, [0]);
  const whole = tensor(scalar, { dtype: "int64", shape: [1], requiresGrad: false });
  assertEquals([whole.shape, whole.dtype, whole.item()], [[1], "int64", 3]);
  assertEquals(tensor(scalar, { requiresGrad: true }).requiresGrad, true);
  assertThrows(() => tensor({ ...scalar, shape: [2] }), ShapeError, "has 2 elements, got 1");
  assertThrows(
    () => tensor({ a: 1 } as never),
    TypeError,
    "data is an object with a, wants a number or a boolean",
  );
});

Deno.test("readSaved() takes nothing else for a tensor", () => {
  const whole = { shape: [2], dtype: "float32", data: [1, 2] };
  assertEquals([...readSaved(whole)!.data], [1, 2]);
  const wrong = [
    null,
    3,
    { ...whole, shape: 2 },
    { ...whole, dtype: "float" },
    { ...whole, data: { 0: 1, 1: 2 } },
    { ...whole, data: [1, null] },
    { ...whole, data: [1, "two"] },
    { ...whole, dtype: "int64", data: [1, 1.5] },
    { ...whole, dtype: "int64", data: [1, "NaN"] },
  ];
  for (const value of wrong) assertEquals(readSaved(value), null, JSON.stringify(value));
});

Deno.test("Module and Optimizer go on from states that went through JSON, to the last bit", () => {
  const x = ones([3, 2]).mul(tensor([0.3, -0.7]));
  const make = () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.Linear(3, 1));
    return { net, optimizer: new Adam(net.parameters(), { lr: 0.1 }) };
  };
  const train = ({ net, optimizer }: ReturnType<typeof make>, steps: number) => {
    for (let i = 0; i < steps; i++) {
      optimizer.zeroGrad();
      net.call(x).sub(1).square().sum().backward();
      optimizer.step();
    }
  };
  const first = make(), second = make();
  train(first, 3);
  const { net, optimizer } = first;
  const state = { net: net.stateDict(), optimizer: optimizer.stateDict() };
  const text = JSON.stringify(state);
  train(first, 3);
  const file = JSON.parse(text);
  assertEquals(second.net.loadStateDict(file.net), { missing: [], unexpected: [] });
  second.optimizer.loadStateDict(file.optimizer);
  train(second, 3);
  assertEquals(JSON.stringify(second.net.stateDict()), JSON.stringify(first.net.stateDict()));
  const [g] = autograd.grad(second.net.call(x).sum(), [...second.net.parameters()].slice(-1));
  assertEquals(g!.shape, [1]);
});

Deno.test("Module.loadStateDict() says what an entry is, and changes nothing", () => {
  const net = new nn.Linear(1, 1), weight = net.weight.item();
  const state = JSON.parse(JSON.stringify(net.stateDict()));
  const other = { ...state.weight, shape: [1], data: [5] };
  assertThrows(
    () => net.loadStateDict({ ...state, weight: other }),
    ShapeError,
    "weight has shape [1]",
  );
  const short = { ...state.weight, data: [] };
  assertThrows(() => net.loadStateDict({ ...state, weight: short }), ShapeError, "has 0 elements");
  const wrong = { ...state, weight: { ...state.weight, data: [9] }, bias: [1] };
  assertThrows(() => net.loadStateDict(wrong), TypeError, "bias is object, wants a tensor, or");
  assertEquals(net.weight.item(), weight);
});
