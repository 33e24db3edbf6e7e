import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { compile, nn, type Tensor, tensor, zeros } from "@torchopt/torchopt";
import "../helpers/seed.ts";

const index = (...data: number[]) => tensor(data, { dtype: "int64" });
const x = tensor([1, 2, 3]);

Deno.test("an index out of range is named, without a word of the backend", async () => {
  const fns: (() => Tensor)[] = [
    () => x.gather(0, index(5)),
    () => x.gather(0, index(-4)),
    () => x.scatter(0, index(5), 1),
    () => x.scatterAdd(0, index(5), 1),
    () => zeros([3]).scatterAdd(0, index(5), 1),
    () => x.indexSelect(0, index(5)),
    () => x.indexAdd(0, index(-5), tensor([1])),
    () => x.take(index(5)),
    () => nn.functional.embedding(index(7), tensor([[1, 2]])),
    () => zeros([0]).take(index(0)),
    () => compile((x: Tensor) => x.take(index(5)))(x),
  ];
  for (const fn of fns) {
    const error = assertThrows(() => fn().data(), RangeError, "index tensor");
    assertEquals(/onnx|node|session/i.test(error.message), false, error.message);
  }
  assertThrows(() => x.take(index(5)).data(), RangeError, "the index 5");
  assertThrows(() => x.take(index(5)).data(), RangeError, "from -3 to 2");
  await assertRejects(() => x.take(index(5)).dataAsync(), RangeError, "the index 5");
});

Deno.test("whole numbers divided by 0 are an error that says so", () => {
  const a = index(7), zero = index(0);
  const fns = [
    () => a.div(zero, { roundingMode: "trunc" }),
    () => a.div(zero, { roundingMode: "floor" }),
    () => a.fmod(zero),
    () => a.remainder(zero),
  ];
  for (const fn of fns) {
    const error = assertThrows(() => fn().data(), RangeError, "0 as the divisor");
    assertEquals(/onnx|session/i.test(error.message), false, error.message);
  }
});
