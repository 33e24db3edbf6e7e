import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  compile,
  GradientError,
  noGrad,
  ones,
  SGD,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";

const updates: Record<string, [(x: Tensor) => Tensor, number[]]> = {
  copy_: [(x) => x.copy_(tensor([5, 6])), [5, 6]],
  fill_: [(x) => x.fill_(3), [3, 3]],
  zero_: [(x) => x.zero_(), [0, 0]],
  add_: [(x) => x.add_(1, { alpha: 2 }), [3, 6]],
  sub_: [(x) => x.sub_(1), [0, 3]],
  mul_: [(x) => x.mul_(tensor([2, 3])), [2, 12]],
  div_: [(x) => x.div_(2), [0.5, 2]],
  pow_: [(x) => x.pow_(2), [1, 16]],
  addcmul_: [(x) => x.addcmul_(2, tensor([1, 2])), [3, 8]],
  addcdiv_: [(x) => x.addcdiv_(tensor([1, 2]), 2, { value: 4 }), [3, 8]],
  lerp_: [(x) => x.lerp_(0, 0.5), [0.5, 2]],
  neg_: [(x) => x.neg_(), [-1, -4]],
  abs_: [(x) => x.neg_().abs_(), [1, 4]],
  sqrt_: [(x) => x.sqrt_(), [1, 2]],
  rsqrt_: [(x) => x.rsqrt_(), [1, 0.5]],
  square_: [(x) => x.square_(), [1, 16]],
  reciprocal_: [(x) => x.reciprocal_(), [1, 0.25]],
  clamp_: [(x) => x.clamp_(2, 3), [2, 3]],
  relu_: [(x) => x.sub_(2).relu_(), [0, 2]],
  floor_: [(x) => x.div_(3).floor_(), [0, 1]],
  ceil_: [(x) => x.div_(3).ceil_(), [1, 2]],
  round_: [(x) => x.div_(3).round_(), [0, 1]],
  maskedFill_: [(x) => x.maskedFill_(tensor([true, false]), 9), [9, 4]],
  scatter_: [(x) => x.scatter_(0, tensor([1], { dtype: "int64" }), 9), [1, 9]],
  scatterAdd_: [(x) => x.scatterAdd_(0, tensor([1], { dtype: "int64" }), 9), [1, 13]],
  nanToNum_: [(x) => x.div_(0).nanToNum_({ posinf: 1 }), [1, 1]],
};

for (const [name, [update, expected]] of Object.entries(updates)) {
  Deno.test(`Tensor.${name}() changes the tensor in place`, () => {
    const x = tensor([1, 4]);
    assert(update(x) === x);
    assertEquals(x.toArray(), expected);
  });
}

Deno.test("Tensor.copy_() takes values, not memory", () => {
  const x = tensor([1, 2]), y = tensor([3, 4]);
  x.copy_(y);
  x.add_(1);
  assertEquals(x.toArray(), [4, 5]);
  assertEquals(y.toArray(), [3, 4]);
});

Deno.test("Tensor in-place methods keep shape and dtype", () => {
  const n = tensor([1, 2], { dtype: "int64" });
  assertEquals(n.mul_(2).dtype, "int64");
  assertThrows(() => tensor([1, 2]).add_(tensor([[1], [2]])), ShapeError, "add_");
  assertThrows(() => tensor([1, 2]).copy_(tensor([1, 2, 3])), ShapeError);
});

Deno.test("Tensor in-place methods on leaves need noGrad()", () => {
  const x = tensor([1, 2], { requiresGrad: true });
  assertThrows(() => x.add_(1), GradientError, "noGrad");
  noGrad(() => x.add_(1));
  assertEquals(x.toArray(), [2, 3]);
  assert(x.requiresGrad && x.isLeaf);
});

Deno.test("Tensor in-place methods are differentiable on intermediate values", () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const y = x.mul(2);
  y.mul_(3).add_(x);
  y.sum().backward();
  assertEquals(x.grad!.toArray(), [7, 7]);
});

Deno.test("Tensor does not pass for a number in JavaScript's operators", () => {
  const x = tensor(1), y = x as unknown as number;
  assertEquals(`${x}`, "Tensor [] float32 1");
  for (const wrong of [() => y + 1, () => y * 2, () => y < 3, () => Number(y), () => Math.exp(y)]) {
    assertThrows(wrong, TypeError, "use methods such as x.add(y) and x.lt(y)");
  }
});

Deno.test("Tensor operations say what an operand that is none is", () => {
  const x = tensor([1, 2]);
  for (
    const [other, got] of [["2", "2"], [undefined, "undefined"], [[1, 2], "an array"]] as const
  ) {
    const wanted = `An operand is ${got}, wants a tensor or a number`;
    assertThrows(() => x.add(other as never), TypeError, wanted);
    assertThrows(() => x.lt(other as never), TypeError, wanted);
  }
});

Deno.test("scalar zeros and ones have memory and gradients of their own", () => {
  const twos = () => ones([], { dtype: "float64" }).add(1).item();
  const disposed = ones([], { dtype: "float64" });
  assertEquals(disposed.item(), 1);
  disposed.dispose();
  assertEquals(twos(), 2);

  const p = ones([], { dtype: "float64" });
  assertEquals(p.item(), 1);
  const optimizer = new SGD([p.requiresGrad_()], { lr: 0.25 });
  p.square().backward();
  optimizer.step();
  assertEquals([p.item(), twos()], [0.5, 2]);

  const total = zeros([]);
  const count = compile(() => void total.add_(1));
  assertEquals(total.item(), 0);
  count();
  count();
  assertEquals([total.item(), zeros([]).item()], [2, 0]);

  const a = zeros([]), b = zeros([]);
  a.grad = ones([]);
  assertEquals(b.grad, null);
});

Deno.test("Tensor has no square brackets and says what to write", () => {
  const x = ones([3, 2]) as unknown as Record<number, unknown>;
  assertThrows(() => x[0], TypeError, "x.select(0, i)");
  assertThrows(() => x[-1], TypeError, "x.select(0, i)");
  assertThrows(() => x[0] = 1, TypeError, "x.select(0, i).copy_(y)");
});

Deno.test("Tensor is no array and says what makes one", () => {
  const x = ones([3, 2]) as unknown as ArrayLike<number>;
  assertThrows(() => x.length, TypeError, "x.shape[0]");
  assertThrows(() => Array.from(x), TypeError, "x.toArray()");
  assertThrows(() => tensor([x as unknown as number]), TypeError, "wants a number");
});

Deno.test("Tensor methods cannot be assigned to", () => {
  const x = ones([2], { requiresGrad: true }) as unknown as { data: unknown; sum: unknown };
  assertThrows(() => x.data = ones([2]), TypeError, "noGrad(() => p.copy_(y))"); // PyTorch's `p.data = …`
  assertThrows(() => x.sum = 1, TypeError, "sum");
  const p = x as unknown as Tensor;
  noGrad(() => p.copy_(ones([2]).mul(3)));
  assertEquals([p.toArray(), p.isLeaf, p.requiresGrad], [[3, 3], true, true]);
});
