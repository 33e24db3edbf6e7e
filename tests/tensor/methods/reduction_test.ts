import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  DTypeError,
  full,
  gradcheck,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";

const x = tensor([[[0.5, -1.2], [2, 0.3], [0.7, 1.1]], [[1.5, 0.2], [-0.4, 0.9], [2.2, -0.8]]], {
  dtype: "float64",
});

Deno.test("Tensor reductions have derivatives of order 2 over any dimensions", () => {
  const dims = [undefined, 0, -1, [0, 2]];
  for (const dim of dims) {
    for (const keepdim of [false, true]) {
      const fns: ((x: Tensor) => Tensor)[] = [
        (x) => x.sum(dim, { keepdim }),
        (x) => x.mean(dim, { keepdim }),
        (x) => x.prod(dim, { keepdim }),
        (x) => x.amax(dim, { keepdim }),
        (x) => x.amin(dim, { keepdim }),
        (x) => x.var(dim, { keepdim }),
        (x) => x.std(dim, { keepdim, correction: 0 }),
        (x) => x.logsumexp(dim, { keepdim }),
        (x) => x.norm(2, dim, { keepdim }),
        (x) => x.norm(3, dim, { keepdim }),
        (x) => x.norm(1.5, dim, { keepdim }),
        (x) => x.norm("inf", dim, { keepdim }),
        (x) => x.norm("-inf", dim, { keepdim }),
      ];
      if (keepdim) { for (const fn of fns) assert(gradcheck(fn, [x], { order: 2 })); }
      const shape = dim === undefined
        ? keepdim ? [1, 1, 1] : []
        : x.shape.flatMap((d, i) =>
          [dim].flat().some((a) => (a! + 3) % 3 === i) ? keepdim ? [1] : [] : [d]
        );
      for (const fn of fns) assertEquals(fn(x).shape, shape);
    }
  }
});

Deno.test("Tensor.softmax(), logSoftmax(), cumsum() and cumprod() have derivatives of order 2", () => {
  for (const dim of [0, 1, -1]) {
    assert(gradcheck((x) => x.softmax(dim), [x], { order: 2 }));
    assert(gradcheck((x) => x.logSoftmax(dim), [x], { order: 2 }));
    assert(gradcheck((x) => x.cumsum(dim), [x], { order: 2 }));
    assert(gradcheck((x) => x.cumprod(dim), [x], { order: 2 }));
    assert(gradcheck((x) => x.max(dim).values, [x], { order: 2 }));
    assert(gradcheck((x) => x.median(dim).values, [x], { order: 2 }));
  }
});

Deno.test("Tensor.norm() has derivative 0 at 0, and no NaN in the second order", () => {
  const z = zeros([3], { dtype: "float64", requiresGrad: true });
  z.norm().backward();
  assertEquals(z.grad!.toArray(), [0, 0, 0]);
  const s = zeros([3], { dtype: "float64", requiresGrad: true });
  s.std().add(s.norm(3)).backward();
  assertEquals(s.grad!.toArray(), [0, 0, 0]);
  assertEquals(tensor([0, 3, 0, 4]).norm(0).item(), 2);
  assertThrows(() => tensor([1], { dtype: "int64" }).norm(), DTypeError, "norm: got int64");
});

Deno.test("Tensor.max() and min() along a dimension give values and places", () => {
  const y = tensor([[3, 1], [2, 5], [3, 0]]);
  const { values, indices } = y.max(0);
  assertEquals(values.toArray(), [3, 5]);
  assertEquals(indices.toArray(), [0, 1]);
  assertEquals(indices.dtype, "int64");
  assertEquals(y.min(1, { keepdim: true }).values.toArray(), [[1], [2], [0]]);
  assertEquals(y.max().item(), 5);
  assertEquals(tensor(7).max(0).values.item(), 7);
  assertEquals(tensor(7).max(0).indices.item(), 0);
  assertEquals(tensor([true, false]).max(0).values.item(), 1);
});

Deno.test("Tensor.argmax() takes a dimension or the flattened tensor", () => {
  const y = tensor([[3, 1], [2, 5], [3, 0]]);
  assertEquals(y.argmax().item(), 3);
  assertEquals(y.argmax(1).toArray(), [0, 1, 0]);
  assertEquals(y.argmin(0, { keepdim: true }).toArray(), [[1, 2]]);
  assertEquals(y.argmax(null, { keepdim: true }).toArray(), [[3]]);
  assertEquals(tensor([1, 2], { dtype: "int64" }).argmax(0).item(), 1);
  assertEquals(tensor([false, true]).argmax(0).item(), 1);
  assertEquals(tensor(3).argmax(0).item(), 0);
});

Deno.test("Tensor reductions count booleans and whole numbers in int64", () => {
  const b = tensor([[true, false], [true, true]]);
  assertEquals(b.sum(0).toArray(), [2, 1]);
  assertEquals(b.sum().dtype, "int64");
  assertEquals(b.mean().item(), 0.75);
  assertEquals(b.all(0).toArray(), [true, false]);
  assertEquals(b.any(1).toArray(), [true, true]);
  assertEquals(b.countNonzero(1).toArray(), [1, 2]);
  assertEquals(b.amax(0).toArray(), [true, true]);
  assertEquals(tensor([2, 3], { dtype: "uint8" }).prod().item(), 6);
  assertEquals(tensor([2, 3], { dtype: "int64" }).cumsum(0).toArray(), [2, 5]);
  assertEquals(tensor([2, 3], { dtype: "int64" }).amin().item(), 2);
});

Deno.test("Tensor reductions over nothing have neutral values or explain themselves", () => {
  const none = zeros([0, 3]);
  assertEquals(none.sum(0).toArray(), [0, 0, 0]);
  assertEquals(none.prod(0).toArray(), [1, 1, 1]);
  assertEquals(none.all().item(), 1);
  assertEquals(none.any().item(), 0);
  assert(Number.isNaN(none.mean().item()));
  assertThrows(() => none.amax(0), ShapeError, "no elements");
  assertThrows(() => none.max(0), ShapeError, "empty");
  assertThrows(() => x.sum(3), RangeError, "sum: dim 3");
  assertThrows(() => x.sum([0, 0]), RangeError, "twice");
});

Deno.test("Tensor.median() takes the lower middle", () => {
  assertEquals(tensor([4, 1, 3, 2]).median().item(), 2);
  const { values, indices } = tensor([[4, 1, 3]]).median(1);
  assertEquals([values.toArray(), indices.toArray()], [[3], [2]]);
});

Deno.test("Tensor.var() of one element is NaN, as in PyTorch", () => {
  assert(Number.isNaN(tensor([1]).var().item()));
  assertEquals(tensor([1]).var(0, { correction: 0 }).item(), 0);
});

Deno.test("Tensor.var() and std() of equal numbers are 0, with their derivatives", () => {
  for (const dtype of ["float32", "float64"] as const) {
    for (const size of [3, 7, 10, 1000]) {
      for (const value of [0.1, 1 / 3, 1e10 + 1 / 7]) {
        const x = full([size], value, { dtype, requiresGrad: true });
        const [g] = autograd.grad(x.std(), [x], { createGraph: true });
        const [h] = autograd.grad(g!.mul(x.detach()).sum(), [x]);
        const largest = [g!, h!].map((y) => y.abs().amax().item());
        assertEquals([x.var().item(), x.std().item(), ...largest], [0, 0, 0, 0]);
      }
    }
  }
  const rows = tensor([[0.1, 0.1, 0.1], [1e8, 1e8 + 8, 1e8 + 16]]);
  assertEquals(rows.var(1).toArray(), [0, 64]);
  assertEquals(rows.var([0, 1], { keepdim: true }).shape, [1, 1]);
});

Deno.test("Tensor.norm() neither overflows nor vanishes", () => {
  for (const dtype of ["float32", "float64"] as const) {
    const [huge, tiny] = dtype === "float32" ? [2 ** 120, 2 ** -130] : [2 ** 1000, 2 ** -1050];
    for (const unit of [huge, 1, tiny]) {
      const x = tensor([[3 * unit, 0, -4 * unit], [0, 0, 0]], { dtype, requiresGrad: true });
      assertEquals(x.norm(2, 1).toArray(), [5 * unit, 0]);
      assertEquals(x.norm(2, 0, { keepdim: true }).toArray(), [[3 * unit, 0, 4 * unit]]);
      assertEquals(x.norm().item(), 5 * unit);
      const [g] = autograd.grad(x.norm(), [x]);
      assert(g!.allclose(tensor([[0.6, 0, -0.8], [0, 0, 0]], { dtype }), { rtol: 1e-6 }));
      const cube = x.norm(3, 1).narrow(0, 0, 1).item() / unit;
      assertAlmostEquals(cube, 91 ** (1 / 3), 1e-5);
    }
    assertEquals(tensor([Infinity, 1], { dtype }).norm().item(), Infinity);
    assertEquals(tensor([NaN, 1], { dtype }).norm().item(), NaN);
  }
});

Deno.test("Tensor.logsumexp() is safe for large and infinite elements", () => {
  assertAlmostEquals(tensor([1e4, 1e4]).logsumexp().item(), 1e4 + Math.LN2, 1e-2);
  assertEquals(tensor([-Infinity, -Infinity]).logsumexp(0).item(), -Infinity);
  assertEquals(tensor([Infinity, 0]).logsumexp(0).item(), Infinity);
});

Deno.test("sum() refuses options in the place of dim, and others than an object", () => {
  const y = zeros([2, 3]);
  const options = { dim: 1 } as never, flag = true as never;
  assertThrows(() => y.sum(options), TypeError, "sum: dim is object, wants a number");
  assertThrows(() => y.sum(1, flag), TypeError, "sum: the options are true, wants an object");
});

Deno.test("Tensor.norm() below order 1 has derivative 0 at elements that are 0", () => {
  const x = tensor([0, 1, 4], { dtype: "float64", requiresGrad: true });
  // (1 + 2) ** 2 = 9, and d/dx (sum of sqrt(x)) ** 2 = 3 / sqrt(x).
  const y = x.norm(0.5);
  const [g] = autograd.grad(y, [x]);
  assertEquals([y.item(), g!.toArray()], [9, [0, 3, 1.5]]);
});

Deno.test("Tensor.norm() of a negative order goes by the smallest elements", () => {
  const f64 = { dtype: "float64" } as const;
  assertEquals(tensor([2, -2], f64).norm(-1).item(), 1);
  assertEquals(tensor([0, 2], f64).norm(-1).item(), 0);
  assertEquals(tensor([Infinity, Infinity], f64).norm(-1).item(), Infinity);
  const x = tensor([0, 2], { ...f64, requiresGrad: true });
  assertEquals(autograd.grad(x.norm(-2), [x])[0]!.toArray(), [0, 0]);
  assertThrows(() => zeros([0]).norm(-1), ShapeError, "norm: [0] has no elements");
});

Deno.test("Tensor.prod() over no dimension has a derivative", () => {
  const x = tensor(3, { requiresGrad: true });
  assertEquals(autograd.grad(x.prod(), [x])[0]!.item(), 1);
  const y = tensor([2, 3], { requiresGrad: true });
  assertEquals(autograd.grad(y.prod([]).sum(), [y])[0]!.toArray(), [1, 1]);
});

Deno.test("Tensor.median() does not pass over NaN, and says that it wants elements", () => {
  assertEquals(tensor([NaN, 1, 2, 3]).median().item(), NaN);
  assertEquals(tensor([[1, NaN, 3], [3, 2, 1]]).median(1).values.toArray(), [NaN, 2]);
  assertEquals(tensor([3, 1, 2], { dtype: "uint8" }).median().dtype, "uint8");
  assertThrows(() => zeros([0]).median(), ShapeError, "median: dimension 0 of [0] is empty");
});

Deno.test("Tensor.argmax() checks the dimension of a scalar too", () => {
  assertEquals(tensor(3).argmax(-1).item(), 0);
  assertThrows(() => tensor(3).argmax(1), RangeError, "argmax: dim 1");
});

Deno.test("an empty list of dimensions reduces nothing", () => {
  const y = tensor([[1, -2]]);
  assertEquals([y.sum([]).toArray(), y.amax([]).toArray()], [[[1, -2]], [[1, -2]]]);
  assertEquals(y.norm(2, []).toArray(), [[1, 2]]);
});

Deno.test("norms at 0 have derivatives of 0 at both orders", () => {
  const y = zeros([2], { dtype: "float64", requiresGrad: true });
  for (const norm of [y.norm(), y.norm(3), y.norm(0.5), y.std()]) {
    const [g] = autograd.grad(norm, [y], { createGraph: true });
    const [h] = autograd.grad(g!.sum(), [y]);
    assertEquals([g!.toArray(), h!.toArray()], [[0, 0], [0, 0]]);
  }
});

Deno.test("Tensor.median() gives its gradient to one element", () => {
  const y = tensor([2, 1, 2, 2], { requiresGrad: true });
  assertEquals(autograd.grad(y.median(), [y])[0]!.sum().item(), 1);
  assertEquals(autograd.grad(y.median(), [y])[0]!.amax().item(), 1);
});

Deno.test("the norm of order 0 has a derivative of 0", () => {
  const y = tensor([0, 2, NaN, -0], { requiresGrad: true });
  assertEquals(y.norm(0).item(), 2);
  assertEquals(autograd.grad(y.norm(0), [y])[0]!.toArray(), [0, 0, 0, 0]);
});
