import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  arange,
  autograd,
  einsum,
  eye,
  gradcheck,
  rand,
  ShapeError,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import "../../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

Deno.test("Tensor linear methods have derivatives of order 2", () => {
  const a = rand([3, 3], f64).add(eye(3, f64).mul(2)), b = rand([3, 2], f64), v = rand([3], f64);
  const fns: [(...xs: Tensor[]) => Tensor, Tensor[]][] = [
    [(a, b) => a.mm(b), [a, b]],
    [(a, v) => a.mv(v), [a, v]],
    [(v, w) => v.dot(w), [v, rand([3], f64)]],
    [(v, w) => v.outer(w), [v, rand([2], f64)]],
    [(a) => a.trace().square(), [a]],
    [(a) => a.inverse(), [a]],
    [(a) => a.det(), [a]],
    [(a, v) => a.solve(v), [a, v]],
    [(a, b) => a.solve(b), [a, b]],
    [(c, a, b) => c.addmm(a, b, { alpha: 2, beta: 0.5 }), [b, a, b]],
    [(a, b) => a.matmul(b), [rand([2, 1, 2, 3], f64), rand([4, 3, 2], f64)]],
  ];
  for (const [fn, inputs] of fns) assert(gradcheck(fn, inputs, { order: 2 }));
});

Deno.test("Tensor.matmul() takes all ranks", () => {
  const shapes: [number[], number[], number[]][] = [
    [[3], [3], []],
    [[2, 3], [3], [2]],
    [[3], [3, 2], [2]],
    [[5, 2, 3], [3, 4], [5, 2, 4]],
    [[2, 3], [5, 3, 4], [5, 2, 4]],
    [[5, 2, 3], [3], [5, 2]],
    [[3], [5, 3, 2], [5, 2]],
    [[2, 1, 2, 3], [4, 3, 5], [2, 4, 2, 5]],
  ];
  for (const [a, b, out] of shapes) assertEquals(rand(a).matmul(rand(b)).shape, out);
  assertThrows(() => rand([2, 3]).matmul(rand([2, 3])), ShapeError, "matmul");
  assertThrows(() => rand([2]).matmul(tensor(1)), ShapeError, "mul()");
  assertThrows(() => rand([2]).mm(rand([2])), ShapeError, "mm: got [2] and [2]");
  assertThrows(() => rand([2, 2, 2]).bmm(rand([3, 2, 2])), ShapeError, "bmm");
});

Deno.test("Tensor.solve(), inverse() and det() agree", () => {
  const a = tensor([[2, 1], [1, 3]], f64);
  assert(a.matmul(a.inverse()).allclose(eye(2, f64), { atol: 1e-14 }));
  assertAlmostEquals(a.det().item(), 5, 1e-14);
  const batch = arange(8).reshape(2, 2, 2).double().add(eye(2, f64));
  assertEquals(batch.det().shape, [2]);
  assert(
    batch.matmul(batch.solve(eye(2, f64))).allclose(eye(2, f64).expand(2, 2, 2), { atol: 1e-12 }),
  );
});

Deno.test("Tensor.trace() counts small integers in int64", () => {
  const bytes = tensor([[200, 1], [2, 100]], { dtype: "uint8" });
  assertEquals([bytes.trace().dtype, bytes.trace().item()], ["int64", 300]);
});

Deno.test("Tensor.addmm() with beta 0 ignores what it switches off", () => {
  const c = tensor([[NaN, Infinity]], f64), a = tensor([[1, 2]], f64), b = eye(2, f64);
  assertEquals(c.addmm(a, b, { beta: 0 }).toArray(), [[1, 2]]);
});

Deno.test("Tensor.solve() takes matrices wherever there are two dimensions", () => {
  const a = eye(2, f64).expand(2, 2, 2), b = tensor([[1, 2], [3, 4]], f64);
  assertEquals(a.solve(b).toArray(), [[[1, 2], [3, 4]], [[1, 2], [3, 4]]]);
  assertEquals(a.solve(b.slice([0])).toArray(), [[1, 2], [1, 2]]);
});

Deno.test("Tensor.det() of a singular matrix has its cofactors as derivative", () => {
  const a = tensor([[1, 2], [2, 4]], { ...f64, requiresGrad: true });
  const y = a.det();
  assertEquals(y.item(), 0);
  const g = autograd.grad(y, [a])[0]!.data();
  [4, -2, -2, 1].forEach((want, i) => assert(Math.abs(Number(g[i]) - want) < 1e-14));
});

Deno.test("products of matrices meet in the wider dtype", () => {
  const whole = tensor([[1, 2], [3, 4]], { dtype: "int32" }), half = tensor([[0.5, 0], [0, 0.5]]);
  for (const y of [whole.matmul(half), half.matmul(whole), einsum("ij,jk->ik", whole, half)]) {
    assertEquals([y.dtype, y.toArray()], ["float32", [[0.5, 1], [1.5, 2]]]);
  }
  assertEquals(whole.to("int64").matmul(half.to("float64")).dtype, "float64");
  assertEquals(half.to("float16").matmul(half).dtype, "float32");
  assertEquals(whole.select(0, 0).dot(tensor([0.5, 0.5])).item(), 1.5);
});
