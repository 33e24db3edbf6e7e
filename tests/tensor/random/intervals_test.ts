/** Random numbers of half-open intervals never reach the upper bound, whatever their type. */

import {
  bernoulli,
  type DType,
  DTypeError,
  func,
  Generator,
  nn,
  normal,
  ones,
  rand,
  randint,
  randLike,
  randperm,
  tensor,
  uniform,
  zeros,
} from "@torchopt/torchopt";
import { assert, assertEquals, assertThrows } from "@std/assert";
import "../../helpers/seed.ts";

const floats = ["float16", "float32", "float64"] satisfies DType[];

/** A generator whose numbers are the largest below 1, or 0. */
class Extreme extends Generator {
  override fillUniform(out: Float32Array | Float64Array): void {
    const most = out instanceof Float32Array ? 1 - 2 ** -24 : 1 - 2 ** -53;
    for (let i = 0; i < out.length; i++) out[i] = i % 2 === 0 ? most : 0;
  }
}

/** Bounds where rounding goes up, down, to the next binade, and over 0. */
const bounds: [number, number][] = [
  [0, 1],
  [1, 2],
  [-1, 1],
  [0.1, 0.7],
  [0.7, 1.1],
  [-0.3, -0.1],
  [1000, 1001],
  [2047, 2048],
  [-2048, 2048],
  [1e-6, 3e-6],
  [-5, 0],
  [0, 1e-7],
  [100, 60000],
];

for (const dtype of floats) {
  Deno.test(`uniform numbers stay below the upper bound, ${dtype}`, () => {
    for (const [low, high] of bounds) {
      for (const generator of [new Extreme(1), new Generator(1)]) {
        const options = { low, high, generator };
        for (
          const x of [
            uniform([2000], { ...options, dtype }),
            nn.init.uniform_(zeros([2000], { dtype }), options),
          ]
        ) {
          assert(x.lt(high).all().item(), `${dtype} [${low}, ${high})`);
          assert(x.ge(low).all().item(), `${dtype} [${low}, ${high})`);
          for (const v of x.to("float64").data()) {
            assert(Number(v) >= low && Number(v) < high, `${v} in [${low}, ${high})`);
          }
        }
      }
    }
  });

  Deno.test(`rand() stays below 1 and reaches 0, ${dtype}`, () => {
    for (const generator of [new Extreme(1), new Generator(2)]) {
      for (
        const x of [
          rand([70000], { dtype, generator }),
          randLike(ones([9], { dtype }), { generator }),
        ]
      ) {
        assert(x.lt(1).all().item());
        assert(x.ge(0).all().item());
      }
    }
    const draws = rand([100000], { dtype, generator: new Generator(3) });
    const mean = draws.to("float64").mean().item();
    assert(Math.abs(mean - 0.5) < 0.005, `${mean}`);
    const batch = func.vmap((x) => rand([50], { dtype }).add(x.mul(0)), {
      randomness: "different",
    });
    assert(batch(zeros([400, 1], { dtype })).lt(1).all().item());
  });

  Deno.test(`certain probabilities are certain, ${dtype}`, () => {
    const generator = new Extreme(1);
    assertEquals(bernoulli(ones([100], { dtype }), { generator }).sum().item(), 100);
    assertEquals(bernoulli(zeros([100], { dtype }), { generator }).sum().item(), 0);
  });

  Deno.test(`an interval without a number of the type gives its lower bound, ${dtype}`, () => {
    assertEquals(uniform([2], { low: 3, high: 3, dtype }).toArray(), [3, 3]);
    const tight = uniform([2], { low: 1, high: 1 + 1e-17, dtype });
    assertEquals(tight.toArray(), [1, 1]);
  });

  Deno.test(`uniform() refuses what is no interval, ${dtype}`, () => {
    for (const [low, high] of [[1, 0], [NaN, 1], [0, NaN], [0, Infinity], [-1e308, 1.79e308]]) {
      assertThrows(() => uniform([2], { low, high, dtype }), RangeError, "uniform: got low");
    }
  });
}

Deno.test("uniform() refuses bounds that the type does not reach", () => {
  assertThrows(() => uniform([1], { high: 7e4, dtype: "float16" }), RangeError, "of float16");
  assertThrows(() => uniform([1], { high: 1e39, dtype: "float32" }), RangeError, "of float32");
});

Deno.test("randint() stays below the upper bound in every type", () => {
  const kinds: [DType, number, number][] = [
    ["int64", -(2 ** 53 - 1), -(2 ** 53 - 1) + 3],
    ["int64", 2 ** 53 - 4, 2 ** 53 - 1],
    ["int32", -(2 ** 31), -(2 ** 31) + 2],
    ["int32", 2 ** 31 - 3, 2 ** 31],
    ["uint8", 250, 256],
    ["bool", 0, 2],
    ["float16", 2040, 2049],
    ["float32", 2 ** 24 - 3, 2 ** 24 + 1],
    ["float64", 2 ** 40, 2 ** 40 + 3],
  ];
  for (const [dtype, low, high] of kinds) {
    const seen = new Set(Array.from(randint([500], { low, high, dtype }).data(), Number));
    const want = Array.from({ length: high - low }, (_, i) => low + i);
    assertEquals([...seen].sort((a, b) => a - b), want, dtype);
  }
});

Deno.test("randint() and randperm() refuse numbers that the type does not hold one by one", () => {
  const refused: [DType, number, number][] = [
    ["int32", 0, 2 ** 31 + 1],
    ["uint8", -1, 5],
    ["uint8", 0, 257],
    ["float16", 0, 4100],
    ["float32", 0, 2 ** 24 + 2],
    ["float32", -(2 ** 24) - 1, 0],
  ];
  for (const [dtype, low, high] of refused) {
    assertThrows(
      () => randint([2], { low, high, dtype }),
      RangeError,
      `randint: ${dtype} does not`,
    );
  }
  assertThrows(() => randint([2], { low: 0.5, high: 3 }), RangeError, "randint: got low 0.5");
  assertThrows(() => randint([2], { high: 0 }), RangeError, "randint: got low 0 and high 0");
  assertThrows(() => randperm(257, { dtype: "uint8" }), RangeError, "randperm: uint8 does not");
  assertThrows(() => randperm(2050, { dtype: "float16" }), RangeError, "randperm: float16 does");
  assertEquals(randperm(256, { dtype: "uint8" }).to("int64").sum().item(), 255 * 128);
});

Deno.test("normal() and bernoulli() refuse what is no deviation and no probability", () => {
  assertThrows(() => normal([2], { std: -1 }), RangeError, "std -1");
  assertThrows(() => normal([2], { std: NaN }), RangeError, "std NaN");
  assertThrows(() => bernoulli(tensor([0.5, 1.5])), RangeError, "from 0 to 1, got 1.5");
  assertThrows(() => bernoulli(tensor([NaN])), RangeError, "from 0 to 1, got NaN");
  assertThrows(() => bernoulli(tensor([1], { dtype: "int64" })), DTypeError, "are int64");
});
