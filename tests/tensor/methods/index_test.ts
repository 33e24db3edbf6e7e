import { assert, assertEquals, assertThrows } from "@std/assert";
import { arange, DTypeError, gradcheck, rand, ShapeError, tensor, zeros } from "@torchopt/torchopt";
import "../../helpers/seed.ts";

const index = (data: number[] | number[][]) => tensor(data, { dtype: "int64" });
const x = arange(6).reshape(2, 3);

Deno.test("Tensor index methods have derivatives of order 2", () => {
  const y = rand([2, 3], { dtype: "float64" }), src = rand([2, 2], { dtype: "float64" });
  const at = index([[0, 2], [1, 1]]), rows = index([1, 0, 1]);
  assert(gradcheck((y) => y.gather(1, at).square(), [y], { order: 2 }));
  assert(gradcheck((y) => y.indexSelect(0, rows).square(), [y], { order: 2 }));
  assert(gradcheck((y) => y.index(index([[1], [0]])).square(), [y], { order: 2 }));
  assert(gradcheck((y) => y.take(index([5, 0])).square(), [y], { order: 2 }));
  assert(gradcheck((y, s) => y.scatterAdd(1, at, s).square(), [y, src], { order: 2 }));
  const distinct = index([[0, 2], [1, 0]]);
  assert(gradcheck((y, s) => y.scatter(1, distinct, s).square(), [y, src], { order: 2 }));
  assert(gradcheck((y, s) => y.indexAdd(1, index([2, 2]), s).square(), [y, src], { order: 2 }));
  assert(gradcheck((y) => y.takeAlongDim(index([[2]]), 1).square(), [y], { order: 2 }));
  assert(gradcheck((y) => y.topk(2).values.square(), [y], { order: 2 }));
  assert(gradcheck((y) => y.sort(0).values.square(), [y], { order: 2 }));
  assert(gradcheck((y) => y.maskedSelect(x.gt(2)).square(), [y], { order: 2 }));
});

Deno.test("Tensor.scatter() overwrites, scatterAdd() accumulates", () => {
  const at = index([0, 2]);
  assertEquals(zeros([3]).scatter(0, at, 5).toArray(), [5, 0, 5]);
  assertEquals(zeros([3]).scatter(0, at, tensor([1, 2, 3])).toArray(), [1, 0, 2]);
  assertEquals(zeros([3]).scatterAdd(0, index([1, 1]), 2).toArray(), [0, 4, 0]);
  assertThrows(() => zeros([3]).scatter(0, at, tensor([1])), ShapeError, "smaller than the index");
  assertThrows(() => x.gather(0, tensor([[1]])), DTypeError, "gather: the index is float32");
});

Deno.test("Tensor.topk(), sort() and argsort() order elements", () => {
  const y = tensor([3, 1, 2]);
  assertEquals(y.topk(2).values.toArray(), [3, 2]);
  assertEquals(y.topk(2, { largest: false }).indices.toArray(), [1, 2]);
  assertEquals(y.sort().values.toArray(), [1, 2, 3]);
  assertEquals(y.argsort(-1, { descending: true }).toArray(), [0, 2, 1]);
  assertThrows(() => y.topk(4), ShapeError, "k = 4");
  assertThrows(() => tensor(1).sort(), ShapeError, "scalar");
});

Deno.test("Tensor.nonzero() and maskedSelect() depend on values", () => {
  assertEquals(x.remainder(2).nonzero().toArray(), [[0, 1], [1, 0], [1, 2]]);
  assertEquals(x.maskedSelect(x.gt(3)).toArray(), [4, 5]);
  assertEquals(x.maskedSelect(tensor([true, false, true])).toArray(), [0, 2, 3, 5]);
  assertEquals(zeros([2]).nonzero().shape, [0, 1]);
});

Deno.test("Tensor.sort() and topk() keep the dtype", () => {
  const yes = tensor([true, false, true]), bytes = tensor([3, 1, 2], { dtype: "uint8" });
  assertEquals(yes.sort().values.toArray(), [false, true, true]);
  assertEquals(bytes.topk(2).values.dtype, "uint8");
  assertEquals(bytes.sort(0, { descending: true }).values.toArray(), [3, 2, 1]);
});

Deno.test("negative numbers in an index count from the end", () => {
  const v = tensor([1, 2, 3]), last = index([-1]);
  assertEquals(v.gather(0, last).toArray(), [3]);
  assertEquals(v.indexSelect(0, last).toArray(), [3]);
  assertEquals(v.take(last).toArray(), [3]);
  assertEquals(v.scatter(0, last, 9).toArray(), [1, 2, 9]);
  assertEquals(v.scatterAdd(0, last, 9).toArray(), [1, 2, 12]);
  assertEquals(v.indexAdd(0, last, tensor([9])).toArray(), [1, 2, 12]);
});
