import { assert, assertEquals, assertThrows } from "@std/assert";
import { Generator, philox4x32 } from "../../../src/tensor/random/philox.ts";

function block(counter: number[], key: number[]): string[] {
  const out = new Uint32Array(4);
  philox4x32(out, 0, counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  return Array.from(out, (w) => w.toString(16).padStart(8, "0"));
}

// Known answers of the reference implementation (Random123, kat_vectors).
Deno.test("philox4x32() gives the known answers for zeros", () => {
  assertEquals(block([0, 0, 0, 0], [0, 0]), ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
});
Deno.test("philox4x32() gives the known answers for ones", () => {
  const f = 0xffffffff;
  assertEquals(block([f, f, f, f], [f, f]), ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]);
});
Deno.test("philox4x32() gives the known answers for digits of pi", () => {
  assertEquals(
    block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"],
  );
});

Deno.test("Generator repeats its numbers for the same seed", () => {
  const a = new Float64Array(1000), b = new Float64Array(1000), c = new Float64Array(1000);
  new Generator(5).fillNormal(a);
  new Generator(5n).fillNormal(b);
  new Generator(6).fillNormal(c);
  assertEquals(a, b);
  assert(a.every((v, i) => v !== c[i]));
});

Deno.test("Generator without a seed takes a random one", () => {
  assert(new Generator().seed !== new Generator().seed);
});

Deno.test("Generator.state continues where it was, also through JSON", () => {
  const a = new Generator(2n ** 63n + 11n);
  a.fillUniform(new Float32Array(13));
  const state = JSON.parse(JSON.stringify(a.state));
  const b = new Generator(0);
  b.state = state;
  const x = new Float32Array(2000), y = new Float32Array(2000);
  a.fillUniform(x);
  b.fillUniform(y);
  assertEquals(x, y);
  assertEquals(b.seed, 2n ** 63n + 11n);
});

Deno.test("Generator.state goes on past 2 ** 32 blocks", () => {
  const a = new Generator(1), first = new Float32Array(8), later = new Float32Array(8);
  a.state = { seed: "1", offset: 0 };
  a.fillUniform(first);
  a.state = { seed: "1", offset: 2 ** 32 };
  a.fillUniform(later);
  assert(first.every((v, i) => v !== later[i]));
});

function moments(x: ArrayLike<number>): { mean: number; variance: number; fourth: number } {
  const v = Array.from(x), n = v.length;
  const mean = v.reduce((a, b) => a + b) / n;
  const central = (p: number) => v.reduce((a, b) => a + (b - mean) ** p, 0) / n;
  return { mean, variance: central(2), fourth: central(4) };
}

Deno.test("Generator.fillUniform() is uniform on [0, 1)", () => {
  for (const out of [new Float32Array(200_001), new Float64Array(200_001)]) {
    new Generator(1).fillUniform(out);
    assert(out.every((v) => v >= 0 && v < 1));
    const { mean, variance } = moments(out);
    assert(Math.abs(mean - 0.5) < 4 * Math.sqrt(1 / 12 / out.length));
    assert(Math.abs(variance - 1 / 12) < 1e-3);
    assert(new Set(out).size > 0.98 * out.length);
  }
});

Deno.test("Generator.fillNormal() has the moments of the normal distribution", () => {
  for (const out of [new Float32Array(200_001), new Float64Array(200_001)]) {
    new Generator(2).fillNormal(out);
    assert(out.every((v) => Number.isFinite(v)));
    const { mean, variance, fourth } = moments(out);
    assert(Math.abs(mean) < 4 / Math.sqrt(out.length));
    assert(Math.abs(variance - 1) < 0.015);
    assert(Math.abs(fourth - 3) < 0.12);
  }
});

Deno.test("Generator.fillInt() draws every number equally often", () => {
  const small = new Int32Array(60_000);
  new Generator(3).fillInt(-2, 4, small);
  const counts = new Map<number, number>();
  for (const v of small) counts.set(v, (counts.get(v) ?? 0) + 1);
  assertEquals([...counts.keys()].sort((a, b) => a - b), [-2, -1, 0, 1, 2, 3]);
  for (const c of counts.values()) assert(Math.abs(c - 10_000) < 400);
});

Deno.test("Generator.fillInt() writes int64, also negative and beyond 32 bits", () => {
  const out = new BigInt64Array(20_000), lo = -(2 ** 52), hi = 2 ** 52;
  new Generator(4).fillInt(lo, hi, out);
  assert(out.every((v) => v >= BigInt(lo) && v < BigInt(hi)));
  const mean = out.reduce((a, v) => a + Number(v), 0) / out.length;
  assert(Math.abs(mean) < 0.03 * hi);
  const ints = new BigInt64Array(500), same = new Int32Array(500);
  new Generator(8).fillInt(-3, 3, ints);
  new Generator(8).fillInt(-3, 3, same);
  assertEquals(Array.from(ints, Number), Array.from(same));
});

Deno.test("Generator.fillInt() rejects empty ranges", () => {
  assertThrows(() => new Generator(1).fillInt(3, 3, new Int32Array(1)), RangeError, "lo < hi");
});

Deno.test("Generator.fillBernoulli() keeps to its probability", () => {
  const out = new Uint8Array(100_000);
  new Generator(5).fillBernoulli(0.3, out);
  assert(Math.abs(out.reduce((a, b) => a + b, 0) / out.length - 0.3) < 0.006);
  new Generator(5).fillBernoulli(0, out);
  assert(out.every((v) => v === 0));
  new Generator(5).fillBernoulli(1, out);
  assert(out.every((v) => v === 1));
  assertThrows(() => new Generator(1).fillBernoulli(1.5, out), RangeError, "1.5");
});

Deno.test("Generator.permutation() orders each number once, all orders equally often", () => {
  const big = new Generator(6).permutation(5000);
  assertEquals(Array.from(big).sort((a, b) => a - b), Array.from({ length: 5000 }, (_, i) => i));
  const counts = new Map<string, number>(), g = new Generator(7);
  for (let i = 0; i < 6000; i++) {
    const key = g.permutation(3).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assertEquals(counts.size, 6);
  for (const c of counts.values()) assert(Math.abs(c - 1000) < 130);
  assertEquals(g.permutation(0).length, 0);
});
