import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  arange,
  gradcheck,
  rand,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../../helpers/seed.ts";

const x = arange(6).reshape(2, 3);

Deno.test("Tensor movement methods have derivatives of order 2", () => {
  const y = rand([2, 3, 4], { dtype: "float64" });
  const fns: ((x: Tensor) => Tensor)[] = [
    (x) => x.reshape(4, -1),
    (x) => x.flatten(1),
    (x) => x.unflatten(2, [2, -1]),
    (x) => x.transpose(0, 2),
    (x) => x.movedim(0, -1),
    (x) => x.slice([[1], [null, null, -2], 3]),
    (x) => x.narrow(1, -2, 2),
    (x) => x.select(1, -1),
    (x) => x.repeat(2, 1, 2, 1),
    (x) => x.repeatInterleave(3, 1),
    (x) => x.unfold(2, 3, 1),
    (x) => x.pad([1, 2, 0, 1]),
    (x) => x.pad([1, 2, 2, 1], { mode: "reflect" }),
    (x) => x.pad([1, 2, 2, 1], { mode: "replicate" }),
    (x) => x.pad([1, 2, 2, 1], { mode: "circular" }),
    (x) => x.pad([-1, 0, 1, -1]),
    (x) => x.flip(0, 2),
    (x) => x.roll([1, -1], [0, 1]),
    (x) => x.tril(-1),
    (x) => x.triu(1),
    (x) => x.diagonal(1, 1, 2),
    (x) => x.diagEmbed(-1),
    (x) => x.split([1, 3], 2)[1],
    (x) => x.unbind(1)[2],
  ];
  for (const fn of fns) assert(gradcheck((x) => fn(x).square(), [y], { order: 2 }));
});

Deno.test("Tensor.reshape() works out one size and refuses the rest", () => {
  assertEquals(x.reshape(3, -1).shape, [3, 2]);
  assertEquals(x.reshape([6]).shape, [6]);
  assertThrows(() => x.reshape(4, -1), ShapeError, "at most one size");
  assertThrows(() => x.reshape(4), ShapeError, "6 elements");
});

Deno.test("Tensor.squeeze() and unsqueeze() are inverse", () => {
  assertEquals(x.unsqueeze(-1).shape, [2, 3, 1]);
  assertEquals(x.unsqueeze(0).squeeze().shape, [2, 3]);
  assertEquals(x.squeeze(0).shape, [2, 3]);
  assertEquals(tensor(1).unsqueeze(0).shape, [1]);
});

Deno.test("Tensor.slice() follows Python", () => {
  assertEquals(x.slice([null, [-2, null]]).toArray(), [[1, 2], [4, 5]]);
  assertEquals(x.slice([null, [null, null, -1]]).toArray(), [[2, 1, 0], [5, 4, 3]]);
  assertEquals(x.slice([1, 2]).item(), 5);
  assertEquals(x.slice([[5, 9]]).shape, [0, 3]);
  assertThrows(() => x.slice([2]), RangeError, "index 2 is out of range");
  const rows = tensor([0], { dtype: "int64" }) as never;
  assertThrows(
    () => x.slice([rows]),
    TypeError,
    "x.indexSelect(0, index) takes a tensor of places",
  );
  assertThrows(() => x.slice([null, null, null]), ShapeError, "slice: got 3 entries");
});

Deno.test("Tensor.split(), chunk() and unbind() cut along a dimension", () => {
  const y = arange(5);
  assertEquals(y.split(2).map((t) => t.toArray()), [[0, 1], [2, 3], [4]]);
  assertEquals(y.chunk(2).map((t) => t.size), [3, 2]);
  assertEquals(x.unbind(1).map((t) => t.toArray()), [[0, 3], [1, 4], [2, 5]]);
  assertThrows(() => y.split([2, 2]), ShapeError, "add up to 5");
});

Deno.test("Tensor.expand(), repeat() and tile() repeat", () => {
  assertEquals(tensor([[1], [2]]).expand(2, 2, 2).toArray(), [[[1, 1], [2, 2]], [[1, 1], [2, 2]]]);
  assertEquals(tensor([[1], [2]]).expand(-1, 2).toArray(), [[1, 1], [2, 2]]);
  assertEquals(tensor([1, 2]).repeat(2, 2).toArray(), [[1, 2, 1, 2], [1, 2, 1, 2]]);
  assertEquals(x.tile(2).shape, [2, 6]);
  assertEquals(tensor([1, 2]).repeatInterleave(2).toArray(), [1, 1, 2, 2]);
  assertThrows(() => x.repeat(2), ShapeError, "repeat");
  assertThrows(() => x.expand(3, 3), ShapeError, "expand");
});

Deno.test("Tensor.pad() offers all modes", () => {
  const y = tensor([1, 2, 3]);
  assertEquals(y.pad([1, 1], { value: 9 }).toArray(), [9, 1, 2, 3, 9]);
  assertEquals(y.pad([2, 1], { mode: "replicate" }).toArray(), [1, 1, 1, 2, 3, 3]);
  assertEquals(y.pad([2, 1], { mode: "circular" }).toArray(), [2, 3, 1, 2, 3, 1]);
  assertEquals(y.pad([-1, 0]).toArray(), [2, 3]);
  assertEquals(tensor([true]).pad([1, 0]).toArray(), [false, true]);
  assertThrows(() => y.pad([3, 0], { mode: "reflect" }), ShapeError, "at most 2");
  assertThrows(() => y.pad([1]), ShapeError, "two whole numbers");
});

Deno.test("Tensor.roll() and flip() reorder", () => {
  assertEquals(arange(4).roll(1, 0).toArray(), [3, 0, 1, 2]);
  assertEquals(x.roll(-1).toArray(), [[1, 2, 3], [4, 5, 0]]);
  assertEquals(x.flip(1).toArray(), [[2, 1, 0], [5, 4, 3]]);
});

Deno.test("Tensor.tril(), triu(), diag() and diagonal() agree", () => {
  const y = arange(9).reshape(3, 3);
  assertEquals(y.tril().toArray(), [[0, 0, 0], [3, 4, 0], [6, 7, 8]]);
  assertEquals(y.triu(1).toArray(), [[0, 1, 2], [0, 0, 5], [0, 0, 0]]);
  assertEquals(y.long().tril(-1).toArray(), [[0, 0, 0], [3, 0, 0], [6, 7, 0]]);
  assertEquals(y.diag().toArray(), [0, 4, 8]);
  assertEquals(y.diag(1).toArray(), [1, 5]);
  assertEquals(y.diag(-2).toArray(), [6]);
  assertEquals(tensor([1, 2]).diag(1).toArray(), [[0, 1, 0], [0, 0, 2], [0, 0, 0]]);
  assertEquals(tensor([1, 2]).diag(-1).toArray(), [[0, 0, 0], [1, 0, 0], [0, 2, 0]]);
  assertEquals(tensor([1, 2]).diag().toArray(), [[1, 0], [0, 2]]);
  assertEquals(x.diagonal(1).toArray(), [1, 5]);
  assertEquals(x.diagonal(-1).toArray(), [3]);
});

Deno.test("Tensor.permute() and transpose() reorder dimensions", () => {
  const y = arange(24).reshape(2, 3, 4);
  assertEquals(y.permute(2, 0, 1).shape, [4, 2, 3]);
  assertEquals(y.permute([-1, 0, 1]).shape, [4, 2, 3]);
  assertEquals(y.mT.shape, [2, 4, 3]);
  assertEquals(x.t().toArray(), [[0, 3], [1, 4], [2, 5]]);
  assertEquals(y.movedim(2, 0).shape, [4, 2, 3]);
  assertThrows(() => y.permute(0, 1), ShapeError, "permute");
  assertThrows(() => y.t(), ShapeError, "transpose(-2, -1)");
});

Deno.test("Tensor conversions keep values and pass gradients", () => {
  const y = tensor([1.7, -1.7, 0]);
  assertEquals(y.long().toArray(), [1, -1, 0]);
  assertEquals(y.bool().toArray(), [true, true, false]);
  assertEquals(y.double().dtype, "float64");
  assertEquals(y.to(tensor([1], { dtype: "int32" })).dtype, "int32");
  const z = tensor([1, 2], { requiresGrad: true });
  z.double().mul(2).sum().backward();
  assertEquals(z.grad!.dtype, "float32");
  assertEquals(z.grad!.toArray(), [2, 2]);
  assert(z.to("cpu").requiresGrad);
});

Deno.test("movement of scalars and of tensors without elements", () => {
  const x = tensor(2), none = zeros([0, 2]);
  assertEquals(x.roll(3).item(), 2);
  assertEquals(x.repeatInterleave(2).toArray(), [2, 2]);
  assertEquals(none.roll(1, 0).shape, [0, 2]);
  assertEquals(none.split(3).map((t) => t.shape), [[0, 2]]);
  for (const wrong of [() => x.roll(3, 0), () => x.repeatInterleave(2, 0)]) {
    assertThrows(wrong, ShapeError, "got a scalar");
  }
});

Deno.test("Tensor movement methods refuse arguments that are no sizes, counts or positions", () => {
  const v = arange(6), scalar = tensor(3);
  const wrong: [() => unknown, string][] = [
    [() => v.reshape(-2, -3), "reshape: a shape"],
    [() => v.reshape(1.5, 4), "reshape: a shape"],
    [() => v.unflatten(0, [-2, -3]), "unflatten: a shape"],
    [() => v.expand(-1, 6), "expand: a shape"],
    [() => scalar.expand(-2), "expand: a shape"],
    [() => v.repeatInterleave(-1), "repeatInterleave: repeats"],
    [() => v.repeatInterleave(1.5, 0), "repeatInterleave: repeats"],
    [() => v.chunk(-1), "chunk: the count"],
    [() => v.chunk(0), "chunk: the count"],
    [() => v.split([7, -1]), "split: a size"],
    [() => v.narrow(0, 0.5, 1), "narrow: start"],
    [() => v.narrow(0, 0, -1), "narrow: length"],
    [() => v.narrow(0, 5, 2), "narrow: dimension 0 of [6] has no 2"],
    [() => v.narrow(0, -7, 0), "narrow: dimension 0 of [6]"],
    [() => v.select(0, 6), "select: index 6"],
    [() => v.slice([[0.5, 2]]), "slice: a position"],
    [() => v.unfold(0, 1.5, 1), "unfold: size"],
    [() => v.roll(0.5), "roll: a shift"],
    [() => x.tril(0.5), "tril: diagonal"],
    [() => x.triu(0.5), "triu: diagonal"],
    [() => x.diag(0.5), "diag: diagonal"],
    [() => x.diagonal(0.5), "diagonal: offset"],
    [() => v.diagEmbed(0.5), "diagEmbed: offset"],
  ];
  for (const [fn, message] of wrong) assertThrows(fn, RangeError, message);
  const cuts: [() => unknown, string][] = [
    [() => scalar.narrow(0, 0, 1), "narrow"],
    [() => scalar.select(0, 0), "select"],
    [() => scalar.split(1), "split"],
    [() => scalar.chunk(1), "chunk"],
    [() => scalar.unbind(), "unbind"],
    [() => scalar.unfold(0, 4, 1), "unfold"],
  ];
  for (const [fn, op] of cuts) assertThrows(fn, ShapeError, `${op}: got a scalar`);
});

Deno.test("Tensor.split() and chunk() of nothing give pieces of nothing, as PyTorch", () => {
  const none = zeros([2, 0]);
  assertEquals(none.split(3, 1).map((y) => y.shape), [[2, 0]]);
  assertEquals(none.chunk(2, 1).map((y) => y.shape), [[2, 0], [2, 0]]);
});
