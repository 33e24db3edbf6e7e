/** Whole numbers beyond 2 ** 53 stay exact; results wrap around as sums of 64 bits do. */

import {
  compile,
  concat,
  einsum,
  full,
  func,
  stack,
  type Tensor,
  tensor,
  tensordot,
  where,
  zeros,
} from "@torchopt/torchopt";
import { assertEquals, assertThrows } from "@std/assert";

const i64 = (v: (number | bigint)[], ...shape: number[]) => {
  const x = tensor(BigInt64Array.from(v, BigInt));
  return shape.length === 0 ? x : x.reshape(shape);
};
const places = (...at: number[]) => i64(at);
const list = (t: Tensor) => Array.from(t.data(), BigInt);

const big = 2n ** 53n + 1n, huge = 2n ** 61n + 3n;
const A = [big, huge, -big, 7n, -huge, 3n], B = [3n, 5n, -7n, big, 2n, -huge];

const wrap = (v: bigint) => BigInt.asIntN(64, v);
const sum = (v: bigint[]) => wrap(v.reduce((a, b) => a + b, 0n));
const product = (v: bigint[]) => wrap(v.reduce((a, b) => a * b, 1n));
const size = (v: bigint) => v < 0n ? -v : v;
const floorDiv = (a: bigint, b: bigint) => a % b !== 0n && a < 0n !== b < 0n ? a / b - 1n : a / b;
const each = (fn: (a: bigint, b: bigint) => bigint) => A.map((a, i) => wrap(fn(a, B[i])));
const row = (v: bigint[], i: number) => v.slice(3 * i, 3 * i + 3);
const column = (v: bigint[], j: number) => [v[j], v[3 + j]];
const dot = (a: bigint[], b: bigint[]) => sum(a.map((v, i) => v * b[i]));
const least = (v: bigint[]) => v.reduce((a, b) => a < b ? a : b);

type Case = [run: (a: Tensor, b: Tensor) => Tensor, want: bigint[]];

const elementwise: Record<string, Case> = {
  add: [(a, b) => a.add(b), each((a, b) => a + b)],
  "add with alpha": [(a, b) => a.add(b, { alpha: 3 }), each((a, b) => a + 3n * b)],
  "add a number": [(a) => a.add(2 ** 60), each((a) => a + 2n ** 60n)],
  sub: [(a, b) => a.sub(b), each((a, b) => a - b)],
  rsub: [(a) => a.rsub(1), each((a) => 1n - a)],
  mul: [(a, b) => a.mul(b), each((a, b) => a * b)],
  neg: [(a) => a.neg(), each((a) => -a)],
  abs: [(a) => a.abs(), each(size)],
  sign: [(a) => a.sign(), each((a) => a < 0n ? -1n : 1n)],
  square: [(a) => a.square(), each((a) => a * a)],
  "pow of a number": [(a) => a.pow(5), each((a) => a ** 5n)],
  "pow of a tensor": [
    (a) => a.pow(places(0, 1, 2, 3, 4, 30)),
    A.map((a, i) => wrap(a ** [0n, 1n, 2n, 3n, 4n, 30n][i])),
  ],
  "div towards 0": [(a, b) => a.div(b, { roundingMode: "trunc" }), each((a, b) => a / b)],
  "div down": [(a, b) => a.div(b, { roundingMode: "floor" }), each(floorDiv)],
  remainder: [(a, b) => a.remainder(b), each((a, b) => a - floorDiv(a, b) * b)],
  fmod: [(a, b) => a.fmod(b), each((a, b) => a % b)],
  "fmod of a number": [(a) => a.fmod(-3), each((a) => a % 3n)],
  maximum: [(a, b) => a.maximum(b), each((a, b) => a > b ? a : b)],
  minimum: [(a, b) => a.minimum(b), each((a, b) => a < b ? a : b)],
  clamp: [(a, b) => a.clamp(b), each((a, b) => a > b ? a : b)],
  addcmul: [(a, b) => a.addcmul(a, b), each((a, b) => a + a * b)],
  eq: [(a) => a.eq(a.add(1)).to("int64"), each(() => 0n)],
  lt: [(a) => a.lt(a.add(1)).to("int64"), each(() => 1n)],
  le: [(a) => a.add(1).le(a).to("int64"), each(() => 0n)],
  isClose: [(a) => a.isClose(a.add(1), { rtol: 0, atol: 0 }).to("int64"), each(() => 0n)],
  where: [(a, b) => where(a.gt(0), a, b), each((a, b) => a > 0n ? a : b)],
  maskedFill: [(a) => a.maskedFill(a.lt(0), 1), each((a) => a < 0n ? 1n : a)],
  floor: [(a) => a.floor(), A],
  nanToNum: [(a) => a.nanToNum(), A],
  clone: [(a) => a.clone(), A],
  "to int32": [(a) => a.to("int32").to("int64"), each((a) => BigInt.asIntN(32, a))],
};

const reductions: Record<string, Case> = {
  sum: [(a) => a.sum(), [sum(A)]],
  "sum of rows": [(a) => a.reshape(2, 3).sum(1), [0, 1].map((i) => sum(row(A, i)))],
  "sum of columns": [(a) => a.reshape(2, 3).sum(0), [0, 1, 2].map((j) => sum(column(A, j)))],
  "sum over outer dimensions": [
    (a) => a.reshape(1, 2, 3, 1).sum([0, 1, 3]),
    [0, 1, 2].map((j) => sum(column(A, j))),
  ],
  "sum, kept": [
    (a) => a.reshape(2, 3).sum(1, { keepdim: true }),
    [0, 1].map((i) => sum(row(A, i))),
  ],
  prod: [(a) => a.prod(), [product(A)]],
  "prod of rows": [(a) => a.reshape(2, 3).prod(1), [0, 1].map((i) => product(row(A, i)))],
  "prod of columns": [(a) => a.reshape(2, 3).prod(0), [0, 1, 2].map((j) => product(column(A, j)))],
  cumsum: [(a) => a.cumsum(0), A.map((_, i) => sum(A.slice(0, i + 1)))],
  cumprod: [(a) => a.cumprod(0), A.map((_, i) => product(A.slice(0, i + 1)))],
  dot: [(a, b) => a.dot(b), [dot(A, B)]],
  matmul: [
    (a, b) => a.reshape(2, 3).matmul(b.reshape(2, 3).transpose(0, 1)),
    [0, 1].flatMap((i) => [0, 1].map((j) => dot(row(A, i), row(B, j)))),
  ],
  mv: [
    (a, b) => a.reshape(2, 3).mv(b.narrow(0, 0, 3)),
    [0, 1].map((i) => dot(row(A, i), row(B, 0))),
  ],
  outer: [(a, b) => a.outer(b), A.flatMap((a) => B.map((b) => wrap(a * b)))],
  trace: [(a) => a.add(2).reshape(2, 3).trace(), [wrap(A[0] + A[4] + 4n)]],
  einsum: [(a, b) => einsum("i,i->", a, b), [dot(A, B)]],
  "einsum of a diagonal": [(a) => einsum("ii->", a.narrow(0, 0, 4).reshape(2, 2)), [A[0] + A[3]]],
  tensordot: [(a, b) => tensordot(a, b, 1), [dot(A, B)]],
  amax: [(a) => concat([a, a.sub(1), a.add(1)]).amax(), [huge + 1n]],
  amin: [(a) => a.add(1).minimum(a).amin(), [least(A)]],
  argmax: [(a) => stack([a, a.add(1)]).argmax(0), A.map(() => 1n)],
  "max of a dimension": [(a) => stack([a, a.add(1)]).max(0).values, A.map((a) => a + 1n)],
  sort: [(a) => stack([a.add(1), a], 1).sort(1).values, A.flatMap((a) => [a, a + 1n])],
  topk: [(a) => stack([a.add(1), a], 1).topk(1).values, A.map((a) => a + 1n)],
  median: [(a) => stack([a.add(1), a, a.sub(1)], 1).median(1).values, A],
};

const movements: Record<string, Case> = {
  gather: [(a) => a.gather(0, places(1, 0)), [A[1], A[0]]],
  indexSelect: [(a) => a.indexSelect(0, places(1, 0)), [A[1], A[0]]],
  scatter: [(a, b) => a.scatter(0, places(0), b.narrow(0, 5, 1)), [B[5], ...A.slice(1)]],
  scatterAdd: [
    (a, b) => a.scatterAdd(0, places(0, 0), b.narrow(0, 3, 2)),
    [wrap(A[0] + B[3] + B[4]), ...A.slice(1)],
  ],
  indexAdd: [
    (a, b) => a.indexAdd(0, places(0, 0), b.narrow(0, 3, 2)),
    [wrap(A[0] + B[3] + B[4]), ...A.slice(1)],
  ],
  diag: [(a) => a.narrow(0, 0, 2).diag(), [A[0], 0n, 0n, A[1]]],
  diagonal: [(a) => a.reshape(2, 3).diagonal(), [A[0], A[4]]],
  tril: [(a) => a.reshape(2, 3).tril(), [A[0], 0n, 0n, A[3], A[4], 0n]],
  concat: [(a, b) => concat([a, b]), [...A, ...B]],
  flip: [(a) => a.flip(0), [...A].reverse()],
};

for (const [family, cases] of Object.entries({ elementwise, reductions, movements })) {
  Deno.test(`int64 is exact: ${family}, eager, compiled and vmapped`, () => {
    for (const [name, [run, want]] of Object.entries(cases)) {
      assertEquals(list(run(i64(A), i64(B))), want, name);
      assertEquals(list(compile(run)(i64(A), i64(B))), want, `${name}, compiled`);
      const two = func.vmap(run)(stack([i64(A), i64(B)]), stack([i64(B), i64(A)]));
      assertEquals(list(two).slice(0, want.length), want, `${name}, vmapped`);
    }
  });
}

Deno.test("sum() and prod() of long rows of int64 are exact and wrap around", () => {
  const v = Array.from(
    { length: 2 * 1237 * 3 },
    (_, i) => wrap(big * BigInt(i * i + 1) ** 4n | 1n),
  );
  const x = i64(v, 2, 1237, 3);
  for (let i = 0; i < 2; i++) {
    for (let k = 0; k < 3; k++) {
      const of = v.filter((_, at) => Math.floor(at / 3711) === i && at % 3 === k);
      assertEquals(list(x.sum(1).narrow(0, i, 1).narrow(1, k, 1)), [sum(of)]);
      assertEquals(list(x.prod(1).narrow(0, i, 1).narrow(1, k, 1)), [product(of)]);
    }
  }
  assertEquals(list(x.sum()), [sum(v)]);
  assertEquals(list(x.prod([0, 2]).prod()), [product(v)]);
  assertEquals(list(zeros([0, 2], { dtype: "int64" }).prod(0)), [1n, 1n]);
  assertEquals(list(zeros([0, 2], { dtype: "int64" }).sum(0)), [0n, 0n]);
});

Deno.test("int64 is exact in place", () => {
  assertEquals(list(zeros([6], { dtype: "int64" }).copy_(i64(A))), A);
  assertEquals(list(i64(A).mul_(i64(B))), each((a, b) => a * b));
  assertEquals(list(i64(A).fill_(2 ** 60)), A.map(() => 2n ** 60n));
  assertEquals(list(i64(A).relu_()), A.map((a) => a < 0n ? 0n : a));
});

Deno.test("mean() of whole numbers is that of the numbers, rounded once", () => {
  const near = tensor([2 ** 24, 2 ** 24 + 1, 2 ** 24 + 2], { dtype: "int64" });
  assertEquals([near.var().item(), near.std().item(), near.mean().item()], [1, 1, 2 ** 24]);
  assertEquals(i64([2n ** 53n, 2n ** 53n, -(2n ** 53n), 2n - 2n ** 53n]).mean().item(), 0.5);
  assertEquals(tensor([2 ** 24 + 1, -(2 ** 24)], { dtype: "int32" }).mean(0).item(), 0.5);
});

Deno.test("tensor() and full() take big integers as they are, or refuse them", () => {
  const most = 2n ** 63n - 1n;
  assertEquals(list(tensor([most, -most - 1n])), [most, -most - 1n]);
  assertEquals(list(full([2], most)), [most, most]);
  assertEquals(full([1], 7n, { dtype: "float32" }).toArray(), [7]);
  for (const make of [() => tensor([most + 1n]), () => full([1], most + 1n)]) {
    assertThrows(make, RangeError, `int64 cannot hold ${most + 1n}`);
  }
  assertThrows(() => tensor([256n], { dtype: "uint8" }), RangeError, "uint8 cannot hold 256");
});

Deno.test("sums and products of int32 wrap around as additions do", () => {
  const i32 = (v: number[]) => tensor(v, { dtype: "int32" });
  const most = 2 ** 31 - 1;
  assertEquals(i32([most, 1]).dot(i32([1, 1])).item(), -(2 ** 31));
  assertEquals(i32([most, 1, 2]).add(i32([1, 0, 0])).toArray(), [-(2 ** 31), 1, 2]);
  // Methods count in int64.
  assertEquals(i32([most, 1]).sum().item(), 2 ** 31);
  assertEquals(i32([2 ** 16, 2 ** 16]).prod().item(), 2 ** 32);
});

Deno.test("item() and toArray() give the nearest number, data() the exact one", () => {
  const x = i64([big]);
  assertEquals([x.item(), x.toArray()], [2 ** 53, [2 ** 53]]);
  assertEquals(x.data(), new BigInt64Array([big]));
});

Deno.test("whole numbers at the ends of their type: quotients, remainders and powers by definition", () => {
  for (
    const [dtype, bits, signed] of [["int64", 64, 1], ["int32", 32, 1], ["uint8", 8, 0]] as const
  ) {
    const wrapped = signed ? BigInt.asIntN : BigInt.asUintN;
    const low = signed ? -(2n ** BigInt(bits - 1)) : 0n, high = low + 2n ** BigInt(bits) - 1n;
    const pool = [-(2n ** 53n) - 1n, -3n, -2n, -1n, 0n, 1n, 2n, 3n, 7n, 64n, 65n, 2n ** 53n + 1n];
    const ends = [low, low + 1n, ...pool, high - 1n, high].filter((v) => v >= low && v <= high);
    const power = (a: bigint, n: bigint): bigint => {
      if (n < 0n) return a === 1n || (a === -1n && n % 2n === 0n) ? 1n : a === -1n ? -1n : 0n;
      let y = 1n;
      for (let square = a; n > 0n; n >>= 1n, square = wrap(square * square)) {
        if (n & 1n) y = wrap(y * square);
      }
      return wrapped(bits, y);
    };
    const pairs = ends.flatMap((a) => ends.map((b) => [a, b]));
    const divided = pairs.filter(([, b]) => b !== 0n);
    const make = (of: bigint[][], i: number) => tensor(of.map((pair) => pair[i]), { dtype });
    const check = (name: string, of: bigint[][], y: Tensor, fn: (a: bigint, b: bigint) => bigint) =>
      assertEquals(list(y), of.map(([a, b]) => wrapped(bits, fn(a, b))), `${dtype} ${name}`);
    const a = make(divided, 0), b = make(divided, 1);
    check("div towards 0", divided, a.div(b, { roundingMode: "trunc" }), (a, b) => a / b);
    check("div down", divided, a.div(b, { roundingMode: "floor" }), floorDiv);
    check("remainder", divided, a.remainder(b), (a, b) => a - floorDiv(a, b) * b);
    check("fmod", divided, a.fmod(b), (a, b) => a % b);
    check("pow", pairs, make(pairs, 0).pow(make(pairs, 1)), power);
    for (const n of [3, 64, 65, 1000]) {
      check(`pow ${n}`, pairs, make(pairs, 0).pow(n), (a) => power(a, BigInt(n)));
    }
  }
});
