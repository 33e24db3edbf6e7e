import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DTypeError, gradcheck, ShapeError, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";

type Unary = (x: Tensor) => Tensor;

const f64 = (data: number[]) => tensor(data, { dtype: "float64" });

const everywhere = [-30, -3.7, -1, -0.4, -1e-9, 0, 1e-9, 0.3, 1, 2.5, 40];
const inside = [-0.999, -0.6, -0.2, 0, 1e-8, 0.5, 0.7, 0.999];
const positive = [1e-9, 0.3, 1, 2.5, 1e6];

const functions: Record<string, [Unary, (x: number) => number, number[]]> = {
  exp: [(x) => x.exp(), Math.exp, everywhere],
  expm1: [(x) => x.expm1(), Math.expm1, everywhere],
  exp2: [(x) => x.exp2(), (x) => 2 ** x, everywhere],
  log: [(x) => x.log(), Math.log, positive],
  log1p: [(x) => x.log1p(), Math.log1p, positive],
  log2: [(x) => x.log2(), Math.log2, positive],
  log10: [(x) => x.log10(), Math.log10, positive],
  sqrt: [(x) => x.sqrt(), Math.sqrt, positive],
  rsqrt: [(x) => x.rsqrt(), (x) => 1 / Math.sqrt(x), positive],
  reciprocal: [(x) => x.reciprocal(), (x) => 1 / x, positive],
  square: [(x) => x.square(), (x) => x * x, everywhere],
  abs: [(x) => x.abs(), Math.abs, everywhere],
  sign: [(x) => x.sign(), Math.sign, everywhere],
  floor: [(x) => x.floor(), Math.floor, everywhere],
  ceil: [(x) => x.ceil(), Math.ceil, everywhere],
  trunc: [(x) => x.trunc(), Math.trunc, everywhere],
  frac: [(x) => x.frac(), (x) => x % 1, everywhere],
  sin: [(x) => x.sin(), Math.sin, everywhere],
  cos: [(x) => x.cos(), Math.cos, everywhere],
  tan: [(x) => x.tan(), Math.tan, everywhere],
  asin: [(x) => x.asin(), Math.asin, inside],
  acos: [(x) => x.acos(), Math.acos, inside],
  atan: [(x) => x.atan(), Math.atan, everywhere],
  sinh: [(x) => x.sinh(), Math.sinh, everywhere],
  cosh: [(x) => x.cosh(), Math.cosh, everywhere],
  tanh: [(x) => x.tanh(), Math.tanh, everywhere],
  asinh: [(x) => x.asinh(), Math.asinh, [...everywhere, -1e12, 1e300]],
  acosh: [(x) => x.acosh(), Math.acosh, [1, 1.0001, 2, 50, 1e12]],
  atanh: [(x) => x.atanh(), Math.atanh, inside],
  sigmoid: [(x) => x.sigmoid(), (x) => 1 / (1 + Math.exp(-x)), everywhere],
  logit: [(x) => x.logit(), (x) => Math.log(x / (1 - x)), [0.1, 0.5, 0.8]],
  silu: [(x) => x.silu(), (x) => x / (1 + Math.exp(-x)), everywhere],
  elu: [(x) => x.elu(0.7), (x) => x > 0 ? x : 0.7 * Math.expm1(x), everywhere],
  leakyRelu: [(x) => x.leakyRelu(0.2), (x) => x > 0 ? x : 0.2 * x, everywhere],
  logSigmoid: [
    (x) => x.logSigmoid(),
    (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))),
    everywhere,
  ],
  softplus: [
    (x) => x.softplus({ beta: 2 }),
    (x) => (Math.max(2 * x, 0) + Math.log1p(Math.exp(-Math.abs(2 * x)))) / 2,
    everywhere,
  ],
};

for (const [name, [fn, reference, points]] of Object.entries(functions)) {
  Deno.test(`Tensor.${name}() agrees with Math in both widths`, () => {
    assertClose(
      fn(f64(points)),
      points.map(reference),
      { rtol: 1e-14, atol: 1e-3 * 1e-14 },
      `${name} float64`,
    );
    const single = points.map(Math.fround).filter((x) => Math.abs(x) < 1e30);
    const values = single.map(reference).map(Math.fround);
    assertClose(
      fn(tensor(single, { dtype: "float32" })),
      values,
      { rtol: 1e-5, atol: 1e-3 * 1e-5 },
      `${name} float32`,
    );
  });
}

Deno.test("functions of tensors without elements, and sums of them", () => {
  for (const [name, [fn]] of Object.entries(functions)) {
    for (const dtype of ["float32", "float64"] as const) {
      const y = fn(tensor([], { dtype, shape: [0, 2] }));
      assertEquals([y.toArray(), y.shape, y.sum().item()], [[], [0, 2], 0], `${name} ${dtype}`);
    }
  }
});

const smooth: Record<string, [Unary, number[]]> = {
  exp2: [(x) => x.exp2(), [-0.5, 1.2]],
  log2: [(x) => x.log2(), [0.5, 1.2]],
  log10: [(x) => x.log10(), [0.5, 1.2]],
  tan: [(x) => x.tan(), [-0.5, 1.2]],
  asin: [(x) => x.asin(), [-0.5, 0.2]],
  acos: [(x) => x.acos(), [-0.5, 0.2]],
  asinh: [(x) => x.asinh(), [-2, -0.1, 0, 0.3, 4]],
  acosh: [(x) => x.acosh(), [1.5, 4]],
  atanh: [(x) => x.atanh(), [-0.7, 0, 0.5]],
  erfc: [(x) => x.erfc(), [-0.7, 0, 0.5]],
  logit: [(x) => x.logit(), [0.3, 0.6]],
  softplus: [(x) => x.softplus({ beta: 3 }), [-0.7, 0, 0.5]],
  elu: [(x) => x.elu(0.5), [-0.7, 0.5]],
  pow: [(x) => x.pow(1.7), [0.4, 2]],
  "pow -2": [(x) => x.pow(-2), [0.4, -2]],
  "pow 4": [(x) => x.pow(4), [0, 0.4, -2]],
  "pow -0.5": [(x) => x.pow(-0.5), [0.4, 2]],
  frac: [(x) => x.frac(), [0.4, -2.3]],
  "fmod": [(x) => x.fmod(0.7), [0.5, -2.3]],
  "remainder": [(x) => x.remainder(0.7), [0.5, -2.3]],
  nanToNum: [(x) => x.nanToNum(), [0.5, -2.3]],
};

for (const [name, [fn, points]] of Object.entries(smooth)) {
  Deno.test(`Tensor.${name}() has first and second derivatives`, () => {
    assert(gradcheck(fn, [f64(points)], { order: 2 }));
  });
}

Deno.test("Tensor binary methods have derivatives for both operands", () => {
  const a = tensor([[0.5, -1.2], [2, 0.3]], { dtype: "float64" }), b = f64([0.7, 1.9]);
  const fns: ((a: Tensor, b: Tensor) => Tensor)[] = [
    (a, b) => a.add(b, { alpha: 0.3 }),
    (a, b) => a.sub(b, { alpha: 3 }),
    (a, b) => a.rsub(b),
    (a, b) => a.div(b),
    (a, b) => a.abs().pow(b),
    (a, b) => a.atan2(b),
    (a, b) => a.lerp(b, 0.3),
    (a, b) => a.lerp(2, b),
    (a, b) => a.addcmul(a, b, { value: 0.5 }),
    (a, b) => a.addcdiv(a, b, { value: 0.5 }),
    (a, b) => a.clamp(-1, b),
    (a, b) => a.where(a.gt(b), b),
    (a, b) => a.maskedFill(a.gt(0), b),
  ];
  for (const fn of fns) assert(gradcheck(fn, [a, b], { order: 2 }));
});

Deno.test("Tensor.div() rounds as asked, also whole numbers", () => {
  const a = tensor([7, -7], { dtype: "int64" });
  assertEquals(a.div(2).toArray(), [3.5, -3.5]);
  assertEquals(a.div(2, { roundingMode: "trunc" }).toArray(), [3, -3]);
  assertEquals(a.div(2, { roundingMode: "floor" }).toArray(), [3, -4]);
  assertEquals(a.div(2, { roundingMode: "floor" }).dtype, "int64");
  const x = tensor([7, -7]);
  assertEquals(x.div(2, { roundingMode: "trunc" }).toArray(), [3, -3]);
  assertEquals(x.div(2, { roundingMode: "floor" }).toArray(), [3, -4]);
});

Deno.test("Tensor.fmod() and remainder() differ in sign", () => {
  const x = tensor([5, -5], { dtype: "float64" }), n = tensor([5, -5], { dtype: "int64" });
  assertEquals(x.fmod(3).toArray(), [2, -2]);
  assertEquals(x.remainder(3).toArray(), [2, 1]);
  assertEquals(n.fmod(3).toArray(), [2, -2]);
  assertEquals(n.remainder(3).toArray(), [2, 1]);
});

Deno.test("Tensor.pow() takes whole numbers and tensors", () => {
  const n = tensor([2, 3], { dtype: "int64" });
  assertEquals(n.pow(5).toArray(), [32, 243]);
  assertEquals(n.pow(0).toArray(), [1, 1]);
  assertEquals(n.pow(5).dtype, "int64");
  assertEquals(n.pow(-1).dtype, "float32");
  assertEquals(n.pow(n).toArray(), [4, 27]);
  assertEquals(tensor([-2, 3]).pow(tensor([3, 2])).toArray(), [-8, 9]);
});

Deno.test("Tensor arithmetic promotes dtypes", () => {
  const i = tensor([1, 2], { dtype: "int64" }), b = tensor([true, false]), x = tensor([0.5, 1]);
  assertEquals(i.add(1).dtype, "int64");
  assertEquals(i.add(0.5).dtype, "float32");
  assertEquals(i.add(x).dtype, "float32");
  assertEquals(b.mul(x).toArray(), [0.5, 0]);
  assertEquals(b.add(1).toArray(), [2, 1]);
  assertEquals(x.add(x.double()).dtype, "float64");
  assertEquals(i.sqrt().dtype, "float32");
});

Deno.test("Tensor comparisons accept every dtype and give bool", () => {
  for (const dtype of ["float32", "float64", "int64", "int32", "uint8", "bool"] as const) {
    const a = tensor([0, 1, 1], { dtype }), b = tensor([1, 1, 0], { dtype });
    assertEquals(a.eq(b).toArray(), [false, true, false], dtype);
    assertEquals(a.ne(b).toArray(), [true, false, true], dtype);
    assertEquals(a.lt(b).toArray(), [true, false, false], dtype);
    assertEquals(a.le(b).toArray(), [true, true, false], dtype);
    assertEquals(a.gt(b).toArray(), [false, false, true], dtype);
    assertEquals(a.ge(b).toArray(), [false, true, true], dtype);
    assertEquals(a.logicalAnd(b).toArray(), [false, true, false], dtype);
    assertEquals(a.logicalOr(b).toArray(), [true, true, true], dtype);
    assertEquals(a.logicalXor(b).toArray(), [true, false, true], dtype);
    assertEquals(a.logicalNot().toArray(), [true, false, false], dtype);
    assertEquals(Array.from(a.where(b.bool(), b).data(), Number), [0, 1, 0], dtype);
    assert(a.equal(a) && !a.equal(b), dtype);
  }
});

Deno.test("Tensor.isNan(), isInf() and isFinite() tell special values apart", () => {
  const x = tensor([NaN, Infinity, -Infinity, 0]);
  assertEquals(x.isNan().toArray(), [true, false, false, false]);
  assertEquals(x.isInf().toArray(), [false, true, true, false]);
  assertEquals(x.isFinite().toArray(), [false, false, false, true]);
  assertEquals(tensor([1], { dtype: "int64" }).isFinite().toArray(), [true]);
  assertEquals(x.nanToNum({ nan: 1, posinf: 2, neginf: 3 }).toArray(), [1, 2, 3, 0]);
  assertEquals(x.nanToNum().toArray(), [0, 3.4028234663852886e38, -3.4028234663852886e38, 0]);
});

Deno.test("Tensor.allclose() follows NumPy on special values", () => {
  const x = tensor([1, Infinity, NaN]);
  assert(!x.allclose(x));
  assert(x.allclose(x, { equalNan: true }));
  assert(!tensor([1]).allclose(tensor([Infinity])));
  assert(!tensor([1]).allclose(tensor([1.1])));
  assert(tensor([1]).allclose(tensor([1.1]), { atol: 0.2 }));
});

Deno.test("Tensor.clamp() has derivative 1 at the bounds and 0 outside", () => {
  const x = f64([-2, -1, 0, 1, 2]).requiresGrad_();
  x.clamp(-1, 1).sum().backward();
  assertEquals(x.grad!.toArray(), [0, 1, 1, 1, 0]);
  assertEquals(tensor([1, 5], { dtype: "int64" }).clamp(2).toArray(), [2, 5]);
  assertThrows(() => x.clamp(), TypeError, "at least one bound");
});

Deno.test("Tensor.maximum() shares the gradient of ties", () => {
  const a = f64([1, 2]).requiresGrad_(), b = f64([1, 3]).requiresGrad_();
  a.maximum(b).sum().backward();
  assertEquals(a.grad!.toArray(), [0.5, 0]);
  assertEquals(b.grad!.toArray(), [0.5, 1]);
});

Deno.test("Tensor methods name the operation in errors", () => {
  const x = tensor([1, 2, 3]);
  assertThrows(() => x.add(tensor([1, 2])), ShapeError, "add: shapes [3] and [2]");
  assertThrows(() => tensor([true]).add(tensor([true])), DTypeError, "add");
  assertThrows(() => x.where(x, 0), DTypeError, "where: the condition is float32");
});

Deno.test("Tensor.gelu() offers both formulas", () => {
  assertAlmostEquals(f64([1]).gelu().item(), 0.8413447460685429, 1e-14);
  assertAlmostEquals(
    f64([1]).gelu({ approximate: "tanh" }).item(),
    (1 + Math.tanh(Math.sqrt(2 / Math.PI) * 1.044715)) / 2,
    1e-14,
  );
});
