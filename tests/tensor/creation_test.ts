import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  arange,
  bernoulli,
  compile,
  defaultDtype,
  DTypeError,
  eye,
  full,
  Generator,
  GradientError,
  linspace,
  logspace,
  manualSeed,
  normal,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  randperm,
  setDefaultDtype,
  ShapeError,
  tensor,
  uniform,
  where,
  zeros,
  zerosLike,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

Deno.test("tensor() takes its dtype from the data", () => {
  assertEquals(tensor(1).dtype, "float32");
  assertEquals(tensor([true]).dtype, "bool");
  assertEquals(tensor([1n]).dtype, "int64");
  assertEquals(tensor(new Float32Array(1)).dtype, "float32");
  assertEquals(tensor(new Float64Array(1)).dtype, "float64");
  assertEquals(tensor(new Int32Array(1)).dtype, "int32");
  assertEquals(tensor(new Uint8Array(1)).dtype, "uint8");
  assertEquals(tensor(new BigInt64Array(1)).dtype, "int64");
  assertEquals(tensor([1.9], { dtype: "int64" }).toArray(), [1]);
  assertEquals(tensor(new Int32Array([0, 2]), { dtype: "bool" }).toArray(), [false, true]);
});

Deno.test("tensors of numbers have the default dtype, whole or not", () => {
  const mask = tensor([true, false]), int = tensor([2, -2], { dtype: "int64" });
  const made = [tensor([0, 1]), arange(5), where(mask, 1, 0), int.pow(-1)];
  assertEquals(made.map((x) => x.dtype), Array(4).fill("float32"));
  assertEquals(made[3].toArray(), [0.5, -0.5]);
});

Deno.test("tensor() copies its data", () => {
  const data = new Float32Array([1, 2]);
  const x = tensor(data);
  data[0] = 9;
  assertEquals(x.toArray(), [1, 2]);
  const y = tensor(x);
  y.add_(1);
  assertEquals(x.toArray(), [1, 2]);
});

Deno.test("tensor() names the first place that is out of shape", () => {
  assertThrows(() => tensor([[1, 2], [3]]), ShapeError, "data[1] is 1 element(s)");
  assertThrows(() => tensor([[1, 2], 3]), ShapeError, "data[1] is number 3");
  assertThrows(() => tensor([1, [2]]), ShapeError, "data[1] is an array");
  assertThrows(() => tensor(["a"] as unknown as number[]), TypeError, 'data[0] is "a"');
  assertThrows(() => tensor([1, 2], { shape: [3] }), ShapeError, "3 elements, got 2");
  assertThrows(() => tensor([NaN], { dtype: "int64" }), RangeError, "int64");
  assertThrows(
    () => tensor([1], { dtype: "int64", requiresGrad: true }),
    GradientError,
    "floating-point",
  );
});

Deno.test("tensor() holds tensors without elements and scalars", () => {
  assertEquals(tensor([]).shape, [0]);
  assertEquals(tensor([[], []]).shape, [2, 0]);
  assertEquals(tensor(3).shape, []);
  assertEquals(tensor([]).toArray(), []);
});

Deno.test("setDefaultDtype() changes what numbers become", () => {
  const before = defaultDtype();
  try {
    setDefaultDtype("float64");
    assertEquals(tensor(1).dtype, "float64");
    assertEquals(zeros([1]).dtype, "float64");
    assertEquals(rand([1]).dtype, "float64");
  } finally {
    setDefaultDtype(before);
  }
});

Deno.test("full(), zeros() and ones() make every dtype, also leaves", () => {
  for (const dtype of ["float32", "float64", "int64", "int32", "uint8", "bool"] as const) {
    assertEquals(Array.from(ones([2], { dtype }).data(), Number), [1, 1], dtype);
    assertEquals(Array.from(zeros([2], { dtype }).data(), Number), [0, 0], dtype);
  }
  assertEquals(full([2], true).dtype, "bool");
  const x = zeros([2], { requiresGrad: true });
  assert(x.isLeaf && x.requiresGrad);
  x.add(1).sum().backward();
  assertEquals(x.grad!.toArray(), [1, 1]);
  assertEquals(zerosLike(tensor([1], { dtype: "int32" })).dtype, "int32");
  assertThrows(() => zeros([-1]), RangeError, "whole numbers");
});

Deno.test("eye(), arange() and linspace() count", () => {
  assertEquals(eye(2, { m: 3, dtype: "int64" }).toArray(), [[1, 0, 0], [0, 1, 0]]);
  assertEquals(arange(5, 0, -2, { dtype: "int64" }).toArray(), [5, 3, 1]);
  assertEquals(arange(2, 2).shape, [0]);
  assertEquals(linspace(1, 2, 1).toArray(), [1]);
  assertEquals(linspace(0, 1, 5, { dtype: "float64" }).toArray(), [0, 0.25, 0.5, 0.75, 1]);
  assertThrows(() => arange(0, 1, -1), RangeError, "arange");
});

Deno.test("random tensors are reproducible by seed", () => {
  manualSeed(3);
  const a = [rand([3]), randn([3]), randint([3], { high: 10 }), randperm(5)].map((x) =>
    x.toArray()
  );
  manualSeed(3);
  const b = [rand([3]), randn([3]), randint([3], { high: 10 }), randperm(5)].map((x) =>
    x.toArray()
  );
  assertEquals(a, b);
  const generator = () => ({ generator: new Generator(1) });
  assertEquals(rand([3], generator()).toArray(), rand([3], generator()).toArray());
});

Deno.test("random tensors have their distributions", () => {
  const generator = new Generator(7);
  const n = 20000;
  const u = uniform([n], { low: -1, high: 3, generator });
  assertAlmostEquals(u.mean().item(), 1, 0.05);
  assert(u.min().item() >= -1 && u.max().item() < 3);
  const g = normal([n], { mean: 2, std: 3, generator, dtype: "float64" });
  assertAlmostEquals(g.mean().item(), 2, 0.1);
  assertAlmostEquals(g.std().item(), 3, 0.1);
  assertAlmostEquals(bernoulli([n], { p: 0.3, generator }).mean().item(), 0.3, 0.02);
  assertEquals(randint(2, 5, [n], { generator }).min().item(), 2);
  assertEquals(randint(2, 5, [n], { generator }).max().item(), 4);
  assertEquals(randperm(9).sort().values.toArray(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("random tensors refuse what they cannot hold", () => {
  assertThrows(() => rand([2], { dtype: "int64" }), DTypeError, "rand: got dtype int64");
  assertThrows(() => randint([2], { low: 3, high: 3 }), RangeError);
  assertThrows(() => bernoulli([2], { p: 2 }), RangeError);
});

Deno.test("random tensors draw anew at each call of a compiled function", () => {
  const step = compile((x: ReturnType<typeof tensor>) => x.add(rand([2])));
  const x = zeros([2]);
  assert(!step(x).equal(step(x)));
});

Deno.test("zeros(), ones(), rand() and full() want an array as shape", () => {
  const three = 3 as never;
  assertThrows(() => zeros(three), TypeError, "zeros: the shape is 3, wants an array");
  assertThrows(() => ones(three), TypeError, "ones: the shape is 3, wants an array");
  assertThrows(() => rand(three), TypeError, "rand: the shape is 3, wants an array");
  assertThrows(() => full(three, 1), TypeError, "full: the shape is 3, wants an array");
});

Deno.test("tensor() and zeros() refuse options that are no object", () => {
  const dtype = "float64" as never;
  assertThrows(() => tensor([1], dtype), TypeError, "tensor: the options are float64");
  assertThrows(
    () => tensor(new Float32Array(1), dtype),
    TypeError,
    "tensor: the options are float64",
  );
  assertThrows(() => zeros([1], dtype), TypeError, "zeros: the options are float64");
});

Deno.test("functions that make tensors refuse options that do not exist", () => {
  const options = { requires_grad: true } as never, wanted = "there is no option requires_grad";
  const makers: Record<string, () => unknown> = {
    tensor: () => tensor([1], options),
    zeros: () => zeros([1], options),
    onesLike: () => onesLike(tensor(1), options),
    eye: () => eye(2, options),
    arange: () => arange(3, options),
    logspace: () => logspace(0, 1, 2, options),
    rand: () => rand([1], options),
    uniform: () => uniform([1], options),
    randint: () => randint([1], { ...(options as object), high: 2 }),
    bernoulli: () => bernoulli([1], options),
    randperm: () => randperm(2, options),
  };
  for (const [name, make] of Object.entries(makers)) {
    assertThrows(make, TypeError, `${name}: ${wanted}; the options are dtype, device`);
  }
});

Deno.test("tensor() and its like refuse a dtype that does not exist", () => {
  const options = { dtype: "float" } as never;
  const wanted = "there is no dtype float, wants float32, float64, float16, int64";
  for (
    const [name, make] of Object.entries({
      tensor: () => tensor([1], options),
      zeros: () => zeros([1], options),
      arange: () => arange(3, options),
      linspace: () => linspace(0, 1, 3, options),
      logspace: () => logspace(0, 1, 3, options),
      eye: () => eye(2, options),
      randint: () => randint([2], { high: 2, ...(options as object) }),
    })
  ) assertThrows(make, DTypeError, `${name}: ${wanted}`);
  for (const make of [rand, randn, uniform]) {
    assertThrows(() => make([2], options), DTypeError, "got dtype float, wants floating point");
  }
  assertThrows(
    () => tensor(1).to("float" as never),
    RangeError,
    'to: "float" is neither a dtype (',
  );
});

Deno.test("numbers that an integer type cannot hold are refused", () => {
  const x = tensor([1, 2], { dtype: "int64" }), mask = tensor([true, false]);
  const at = tensor([0], { dtype: "int64" });
  const wrong: [() => unknown, string][] = [
    [() => tensor([NaN], { dtype: "int64" }), "tensor: data[0]: int64 cannot hold NaN"],
    [() => tensor([1, 1e20], { dtype: "int64" }), "tensor: data[1]: int64"],
    [() => tensor([2 ** 31], { dtype: "int32" }), "int32 cannot hold 2147483648"],
    [() => tensor([300], { dtype: "uint8" }), "from 0 to 255"],
    [() => tensor([2n ** 40n], { dtype: "int32" }), "int32 cannot hold"],
    [() => tensor(new Float32Array([NaN]), { dtype: "int32" }), "tensor: int32"],
    [() => full([2], 0.5, { dtype: "int32" }), "full: int32"],
    [() => x.add(1e20), "number: int64"],
    [() => x.maskedFill(mask, 0.5), "maskedFill: int64"],
    [() => x.scatter(0, at, 0.5), "scatter: int64"],
    [() => x.fill_(NaN), "fill_: int64"],
    [() => x.pad([1, 1], { value: 0.5 }), "pad: int64"],
  ];
  for (const [fn, message] of wrong) assertThrows(fn, RangeError, message);
  assertEquals(tensor([1.9, -1.9], { dtype: "int32" }).toArray(), [1, -1]);
  // Truth values of numbers have no dtype to fit in.
  assertEquals(x.logicalAnd(0.5).toArray(), [true, true]);
  assertEquals(x.logicalXor(NaN).toArray(), [false, false]);
  assertEquals(x.logicalOr(0).toArray(), [true, true]);
});
