/**
 * Running products whose true values are in range, though products of stretches in between are not,
 * and gradients of products with zeros beside large numbers.
 */

import { autograd, compile, type DType, func, type Tensor, tensor } from "@torchopt/torchopt";
import { assertAlmostEquals, assertEquals } from "@std/assert";

/** `count` times 2 ** `power`. */
const powers = (count: number, power: number) => Array<number>(count).fill(2 ** power);

/** Powers of two multiply exactly: the exponents of the running products are running sums. */
function expected(values: number[]): number[] {
  let exponent = 0;
  return values.map((v) => 2 ** (exponent += Math.log2(v)));
}

/** Type, numbers down and up again, so that all running products are representable. */
const stretches: [DType, number[]][] = [
  ["float32", [...powers(10, -10), ...powers(20, 10)]],
  ["float32", [...powers(10, 10), ...powers(20, -10)]],
  ["float32", [...powers(3, -40), ...powers(6, 40)]],
  ["float64", [...powers(10, -100), ...powers(20, 100)]],
  ["float64", [...powers(10, 100), ...powers(20, -100)]],
];

for (const [dtype, values] of stretches) {
  Deno.test(`cumprod of ${values.length} powers of two in ${dtype}, from ${values[0]} on`, () => {
    const got = tensor(values, { dtype }).cumprod(0).toArray();
    assertEquals(got, expected(values));
  });
}

Deno.test("cumprod of decimal factors ends near 1e30 and 1e-30", () => {
  // (1e-3)^10 (1e3)^20 = 1e30 and the reverse; 30 roundings of 6e-8.
  const down = [...Array<number>(10).fill(1e-3), ...Array<number>(20).fill(1e3)];
  const up = down.map((v) => 1 / v);
  assertAlmostEquals(tensor(down).cumprod(0).select(0, 29).item() / 1e30, 1, 1e-5);
  assertAlmostEquals(tensor(up).cumprod(0).select(0, 29).item() / 1e-30, 1, 1e-5);
});

Deno.test("cumprod along each dimension of a matrix, eager and compiled", () => {
  const a = [...powers(6, -20), ...powers(12, 20)], b = [...powers(6, 20), ...powers(12, -20)];
  const rows = tensor([a, b]), columns = tensor(a.map((v, i) => [v, b[i]]));
  const want = [expected(a), expected(b)];
  assertEquals(rows.cumprod(1).toArray(), want);
  assertEquals(columns.cumprod(0).transpose(0, 1).toArray(), want);
  assertEquals(compile((x: typeof rows) => x.cumprod(1))(rows).toArray(), want);
});

Deno.test("cumprod stays 0 behind a zero, however large the rest", () => {
  assertEquals(tensor([0, 1e30, 1e30]).cumprod(0).toArray(), [0, 0, 0]);
  assertEquals(tensor([2, 0, 1e25, 1e25, 1e25]).cumprod(0).toArray(), [2, 0, 0, 0, 0]);
  assertEquals(
    tensor([[0, 1e200, 1e200], [4, 0, 3]], { dtype: "float64" }).cumprod(1).toArray(),
    [[0, 0, 0], [4, 0, 0]],
  );
  assertEquals(
    tensor([0, 300, 300], { dtype: "float16" }).cumprod(0).to("float32").toArray(),
    [0, 0, 0],
  );
});

Deno.test("prod has gradient 0 where at least two factors are 0", () => {
  // Without any one factor, a zero is left in the product: each partial derivative is 0.
  const lower = [[1e13, 0, 0], [1e13, 1e13, 0], [1e13, 1e13, 1e13]];
  const cases: { values: number[][]; dtype: DType; dim?: number }[] = [
    { values: lower, dtype: "float32" },
    { values: lower.map((_, i) => lower.map((row) => row[i])), dtype: "float32" },
    { values: [[0, 0, 1e30, 1e30]], dtype: "float32", dim: 1 },
    { values: [[1e30, 0, 0, 1e30, 1e30]], dtype: "float32" },
    { values: [[0, 0], [0, 0], [1e200, 1e200], [1e200, 1e200]], dtype: "float64", dim: 0 },
  ];
  for (const { values, dtype, dim } of cases) {
    const x = tensor(values, { dtype, requiresGrad: true });
    const [g] = autograd.grad(x.prod(dim).sum(), [x]);
    assertEquals(
      g!.toArray(),
      values.map((row) => row.map(() => 0)),
      `${dtype} ${JSON.stringify(values)}`,
    );
  }
});

Deno.test("the gradient of one running product does not see the factors behind it", () => {
  // d c_k / d x_i = c_k / x_i for i <= k (c_k without x_i), 0 for i > k.
  const cases: { values: number[]; k: number; want: number[]; dtype: DType }[] = [
    { values: [0, 1e30, 1e30], k: 0, want: [1, 0, 0], dtype: "float32" },
    { values: [0, 0, 1e30, 1e30], k: 0, want: [1, 0, 0, 0], dtype: "float32" },
    { values: [3, 2, 1e30, 1e30, 1e30], k: 1, want: [2, 3, 0, 0, 0], dtype: "float32" },
    { values: [0, 1e200, 1e200], k: 0, want: [1, 0, 0], dtype: "float64" },
  ];
  for (const { values, k, want, dtype } of cases) {
    const x = tensor(values, { dtype, requiresGrad: true });
    const [g] = autograd.grad(x.cumprod(0).select(0, k), [x]);
    assertEquals(g!.toArray(), want, `${dtype} ${JSON.stringify(values)}, output ${k}`);
  }
});

/** A power of two, or zero: products are sums of exponents, or zero. */
type Factor = number | "zero";

const number = (f: Factor) => f === "zero" ? 0 : 2 ** f;

/** The product of the factors up to `end` without those at the places `left`; 0 if a place is beyond. */
function without(factors: readonly Factor[], end: number, left: readonly number[]): number {
  if (new Set(left).size < left.length || left.some((i) => i >= end)) return 0;
  const rest = factors.slice(0, end).filter((_, i) => !left.includes(i));
  if (rest.includes("zero")) return 0;
  return 2 ** rest.reduce<number>((sum, f) => sum + (f as number), 0);
}

/** Factors whose whole product is in range, though those of parts are not. */
const mixed: [DType, Factor[]][] = [
  ["float32", [100, -100, 120, -110, 100, -120]],
  ["float32", [-100, -100, 100, 100, 60]],
  ["float32", [120, 120, -120, "zero", -120]],
  ["float32", [120, "zero", 110, "zero", 3]],
  ["float32", [-149, 127, 20]],
  ["float64", [-900, 900, -900, 1000, -100]],
  ["float64", [1000, 1000, -1000, -1000, "zero", 5]],
  ["float64", [-1074, 1000, 70, 2]],
  ["float16", [12, 12, -12, -12]],
  ["float16", [-12, 12, "zero", 15, -10]],
];

/** Rounds to a type, as a conversion does. */
const rounded = (v: number, dtype: DType) =>
  dtype === "float64" ? v : tensor(v, { dtype: "float64" }).to(dtype).to("float64").item();

for (const [dtype, factors] of mixed) {
  const leaf = () =>
    tensor(factors.map(number), { dtype: "float64" }).to(dtype).detach().requiresGrad_();
  const indices = factors.map((_, i) => i);

  Deno.test(`prod of ${dtype} [${factors}] and its derivatives to order 3`, () => {
    const x = leaf();
    const y = x.prod(), n = factors.length;
    const partial = (places: number[]) => rounded(without(factors, n, places), dtype);
    assertEquals(y.to("float64").item(), partial([]));
    const [g] = autograd.grad(y, [x], { createGraph: true });
    assertEquals(g!.to("float64").toArray(), indices.map((i) => partial([i])));
    for (const i of [0, n - 1]) {
      const [h] = autograd.grad(g!.select(0, i), [x], { createGraph: true });
      assertEquals(h!.to("float64").toArray(), indices.map((k) => partial([i, k])), `${i}`);
      const [t] = autograd.grad(h!.select(0, 1), [x], { createGraph: true });
      assertEquals(t!.to("float64").toArray(), indices.map((k) => partial([i, 1, k])), `${i}, 1`);
    }
  });

  Deno.test(`cumprod of ${dtype} [${factors}] and its derivatives to order 3`, () => {
    const x = leaf();
    const y = x.cumprod(0);
    const partial = (end: number, places: number[]) =>
      rounded(without(factors, end, places), dtype);
    assertEquals(y.to("float64").toArray(), indices.map((i) => partial(i + 1, [])));
    for (const end of [2, factors.length]) {
      const [g] = autograd.grad(y.select(0, end - 1), [x], { createGraph: true });
      assertEquals(g!.to("float64").toArray(), indices.map((i) => partial(end, [i])), `to ${end}`);
      const [h] = autograd.grad(g!.select(0, 0), [x], { createGraph: true });
      assertEquals(h!.to("float64").toArray(), indices.map((k) => partial(end, [0, k])));
      const [t] = autograd.grad(h!.select(0, 1), [x], { createGraph: true });
      assertEquals(t!.to("float64").toArray(), indices.map((k) => partial(end, [0, 1, k])));
    }
  });
}

Deno.test("prod of alternating factors over any dimensions", () => {
  const n = 300, values = Array.from({ length: 2 * n }, (_, i) => i % 2 === 0 ? 2 ** 90 : 2 ** -90);
  const x = tensor(values, { requiresGrad: true });
  assertEquals(x.prod().item(), 1);
  assertEquals(x.reshape(n, 2).prod(0).toArray(), [Infinity, 0]);
  assertEquals(x.reshape(2, n).prod([0, 1]).item(), 1);
  assertEquals(x.reshape(n, 2).prod(1).toArray(), Array(n).fill(1));
  const [g] = autograd.grad(x.prod(), [x]);
  assertEquals(g!.toArray(), values.map((v) => 1 / v));
});

Deno.test("products meet infinities and NaN", () => {
  assertEquals(tensor([0, Infinity, 2]).cumprod(0).toArray(), [0, NaN, NaN]);
  assertEquals(tensor([2, Infinity, -1]).cumprod(0).toArray(), [2, Infinity, -Infinity]);
  assertEquals(tensor([3, NaN, 0]).cumprod(0).toArray(), [3, NaN, NaN]);
  assertEquals(tensor([Infinity, 0, 1]).prod().item(), NaN);
  assertEquals(tensor([-Infinity, 1e30, 1e30]).prod().item(), -Infinity);
  const x = tensor([Infinity, 2, 3], { requiresGrad: true });
  assertEquals(autograd.grad(x.prod(), [x])[0]!.toArray(), [6, Infinity, Infinity]);
});

Deno.test("products of a batch under vmap, with second derivatives", () => {
  const x = tensor([[1e30, 1e-30, 2], [0, 3, 4]]);
  const second = func.vmap(func.hessian((row: Tensor) => row.prod().add(row.cumprod(0).sum())));
  const want = (r: number[]) => {
    // prod + x0 + x0 x1 + x0 x1 x2
    const [a, b, c] = r;
    return [[0, 2 * c + 1, 2 * b], [2 * c + 1, 0, 2 * a], [2 * b, 2 * a, 0]].map((row) =>
      row.map(Math.fround)
    );
  };
  assertEquals((second(x) as Tensor).toArray(), [
    want([Math.fround(1e30), Math.fround(1e-30), 2]),
    want([0, 3, 4]),
  ]);
});

Deno.test("products of nothing and of one", () => {
  assertEquals(tensor([], { shape: [2, 0] }).prod(1).toArray(), [1, 1]);
  assertEquals(tensor([], { shape: [0] }).cumprod(0).toArray(), []);
  const x = tensor([[5]], { requiresGrad: true });
  assertEquals(autograd.grad(x.prod(1).add(x.cumprod(0).sum()).sum(), [x])[0]!.toArray(), [[2]]);
});

Deno.test("whole numbers multiply exactly", () => {
  assertEquals(
    tensor([3, 5, -7, 11], { dtype: "int64" }).cumprod(0).data(),
    BigInt64Array.of(3n, 15n, -105n, -1155n),
  );
});

Deno.test("products of a million factors keep their digits", () => {
  const n = 1_000_000, v = Math.fround(1 + 1e-6), x = tensor(new Float32Array(n).fill(v));
  const want = Math.exp(n * Math.log1p(v - 1));
  for (const y of [x.prod(), x.reshape(n, 1).prod(0).sum(), x.cumprod(0).select(0, n - 1)]) {
    assertAlmostEquals(y.item() / want, 1, 1e-6);
  }
});
