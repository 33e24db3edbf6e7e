import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { Generator, nn, ShapeError, type Tensor, zeros } from "@torchopt/torchopt";
import "../helpers/seed.ts";

const generator = () => new Generator(7);
const std = (x: Tensor) => x.std().item();

Deno.test("init functions have the documented spread", () => {
  const x = () => zeros([60, 50]);
  assertAlmostEquals(
    std(nn.init.xavierNormal_(x(), { generator: generator() })),
    Math.sqrt(2 / 110),
    5e-3,
  );
  assertAlmostEquals(
    std(nn.init.xavierUniform_(x(), { generator: generator() })),
    Math.sqrt(2 / 110),
    5e-3,
  );
  const relu = { nonlinearity: "relu", generator: generator() } as const;
  assertAlmostEquals(std(nn.init.kaimingNormal_(x(), relu)), Math.sqrt(2 / 50), 8e-3);
  assertAlmostEquals(
    std(nn.init.kaimingUniform_(x(), { ...relu, mode: "fanOut" })),
    Math.sqrt(2 / 60),
    8e-3,
  );
});

Deno.test("init functions keep dtype, requiresGrad and the tensor itself", () => {
  const x = zeros([2, 2], { dtype: "float64", requiresGrad: true });
  assert(nn.init.uniform_(x) === x && x.requiresGrad && x.dtype === "float64" && x.isLeaf);
  assert(nn.init.ones_(x).toArray().toString() === "1,1,1,1");
});

Deno.test("layers start as PyTorch's do", () => {
  const linear = new nn.Linear(25, 400), conv = new nn.Conv2d(4, 100, 5);
  assert(linear.weight.abs().max().item() < 0.2 + 1e-6 && linear.weight.abs().max().item() > 0.19);
  assert(linear.bias!.abs().max().item() < 0.2 + 1e-6);
  assert(conv.weight.abs().max().item() < 0.1 + 1e-6 && conv.weight.abs().max().item() > 0.099);
  assertAlmostEquals(std(new nn.Embedding(100, 20).weight), 1, 0.1);
});

Deno.test("init functions refuse bad arguments", () => {
  assertThrows(() => nn.init.xavierNormal_(zeros([3])), ShapeError, "wants a weight");
  assertThrows(() => nn.init.calculateGain("swish" as "relu"), RangeError, "unknown nonlinearity");
  assertThrows(() => new nn.Linear(0, 1), RangeError, "inFeatures is 0");
  assertThrows(() => new nn.Conv2d(3, 4, 3, { groups: 2 }), RangeError, "groups");
});
