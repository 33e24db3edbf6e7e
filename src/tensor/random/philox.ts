/**
 * Random numbers from a counter: Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011). The same seed gives the same numbers everywhere.
 *
 * @module
 */

import { fillRandom } from "../../runtime/mod.ts";
import { checkNumber, describe } from "../describe.ts";
import { boxMuller } from "./box_muller.ts";

/** Multipliers of the round function, in halves so that products stay exact. */
const M0_LOW = 0x1f53, M0_HIGH = 0xd251, M0 = 0xd2511f53;
const M1_LOW = 0x8d57, M1_HIGH = 0xcd9e, M1 = 0xcd9e8d57;
/** What the key grows by from round to round (golden ratio, sqrt(3) - 1). */
const W0 = 0x9e3779b9, W1 = 0xbb67ae85;

/**
 * Ten rounds of Philox4x32: turns a counter of four words and a key of two into four random words.
 *
 * @param out where the words go, from `at` on
 * @param at first place
 * @param c0 counter, lowest word
 * @param c1 counter
 * @param c2 counter
 * @param c3 counter, highest word
 * @param k0 key, low word
 * @param k1 key, high word
 */
export function philox4x32(
  out: Uint32Array,
  at: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < 10; round++) {
    // High words of M0 * c0 and M1 * c2 from 16-bit halves; no partial sum reaches 2 ** 32.
    const a = c0 & 0xffff, b = c0 >>> 16, c = c2 & 0xffff, d = c2 >>> 16;
    const mid0 = b * M0_LOW + ((a * M0_LOW) >>> 16);
    const mid1 = d * M1_LOW + ((c * M1_LOW) >>> 16);
    const high0 = b * M0_HIGH + (mid0 >>> 16) + ((a * M0_HIGH + (mid0 & 0xffff)) >>> 16);
    const high1 = d * M1_HIGH + (mid1 >>> 16) + ((c * M1_HIGH + (mid1 & 0xffff)) >>> 16);
    const low0 = Math.imul(M0, c0), low1 = Math.imul(M1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

/** State of a {@linkcode Generator}; survives `JSON.stringify`. */
export interface GeneratorState {
  /** The seed, an unsigned 64-bit number in decimal digits. */
  readonly seed: string;
  /** Number of blocks of four words that were used up. */
  readonly offset: number;
}

/** Words that are made at a time. */
const BATCH = 1024;

/** Two normal numbers. */
const pair = new Float64Array(2);

/**
 * A reproducible source of random numbers.
 *
 * A call that fills an array uses up whole blocks of four words. So the numbers depend on the seed
 * and on the sequence of calls: filling 10 numbers and then 10 more is not the same as filling 20.
 *
 * @example
 * ```ts
 * import { Generator } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const a = new Float32Array(4), b = new Float32Array(4);
 * new Generator(7).fillUniform(a);
 * new Generator(7).fillUniform(b);
 * assertEquals(a, b);
 * ```
 *
 * @example Going back
 * ```ts
 * import { Generator } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const generator = new Generator(1), saved = generator.state;
 * generator.fillNormal(new Float64Array(3));
 * generator.fillBernoulli(0.5, new Uint8Array(3));
 * generator.fillInt(0, 10, new Int32Array(3)); // 0 to 9
 * assertEquals(generator.permutation(4).toSorted(), Int32Array.of(0, 1, 2, 3));
 * generator.state = saved; // the same numbers come again
 * ```
 */
export class Generator {
  #seed = 0n;
  #low = 0;
  #high = 0;
  #offset = 0;
  readonly #words = new Uint32Array(BATCH);
  readonly #key = new Uint32Array(2);

  /**
   * Starts at the beginning of the seed's sequence.
   *
   * @param seed a whole number; taken modulo 2 ** 64. Left out: a random one.
   * @throws {RangeError} where the seed is a number but not a safe integer
   */
  constructor(seed?: number | bigint) {
    this.seed = seed ?? crypto.getRandomValues(new BigUint64Array(1))[0];
  }

  /** The seed. Setting it starts the sequence anew. */
  get seed(): bigint {
    return this.#seed;
  }

  /** @ignore Documentation shows a getter only where its setter is hidden. */
  set seed(seed: number | bigint) {
    if (typeof seed !== "number" && typeof seed !== "bigint") {
      throw new TypeError(`seed: got ${describe(seed)}, wants a whole number or a bigint.`);
    }
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new RangeError(`seed: got ${seed}, wants a whole number; use a bigint above 2 ** 53.`);
    }
    this.#seed = BigInt.asUintN(64, BigInt(seed));
    this.#low = Number(this.#seed & 0xffffffffn) | 0;
    this.#high = Number(this.#seed >> 32n) | 0;
    this.#offset = 0;
  }

  /** Seed and position: setting them on another generator continues there. */
  get state(): GeneratorState {
    return { seed: String(this.#seed), offset: this.#offset };
  }

  /** @ignore */
  set state(state: GeneratorState) {
    const { seed, offset } = state ?? {};
    if (typeof seed !== "string" || !/^\d+$/.test(seed)) {
      throw new TypeError(
        `state: got ${describe(state)}, wants what another generator's state is.`,
      );
    }
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`state: the offset is a whole number >= 0, got ${describe(offset)}.`);
    }
    this.seed = BigInt(seed);
    this.#offset = offset;
  }

  /** Whether the compiled ops fill an array with what takes `words` words. */
  #filled(normal: boolean, out: Float32Array | Float64Array, words: number): boolean {
    this.#key[0] = this.#low;
    this.#key[1] = this.#high;
    if (!fillRandom(normal, out, this.#key, this.#offset)) return false;
    this.#offset += Math.ceil(words / 4);
    return true;
  }

  /** Makes at least `count` words (at most BATCH) and returns them. */
  #next(count: number): Uint32Array {
    const words = this.#words;
    for (let i = 0; i < count; i += 4) {
      const block = this.#offset++;
      philox4x32(words, i, block | 0, Math.floor(block / 2 ** 32), 0, 0, this.#low, this.#high);
    }
    return words;
  }

  /**
   * Fills with numbers from [0, 1): multiples of 2 ** -24 in float32, of 2 ** -53 in float64.
   *
   * @param out the array to fill
   */
  fillUniform(out: Float32Array | Float64Array): void {
    checkTarget("fillUniform", out, Float32Array, Float64Array);
    const per = out instanceof Float32Array ? 1 : 2;
    if (this.#filled(false, out, out.length * per)) return;
    for (let start = 0; start < out.length; start += BATCH / per) {
      const n = Math.min(BATCH / per, out.length - start);
      const words = this.#next(n * per);
      if (per === 1) { for (let i = 0; i < n; i++) out[start + i] = (words[i] >>> 8) * 2 ** -24; }
      else for (let i = 0; i < n; i++) out[start + i] = fraction(words[2 * i], words[2 * i + 1]);
    }
  }

  /**
   * Fills with numbers of the standard normal distribution (G. Box, M. Muller, 1958), computed in
   * float64; float32 spends one word a number, float64 two.
   *
   * @param out the array to fill
   */
  fillNormal(out: Float32Array | Float64Array): void {
    checkTarget("fillNormal", out, Float32Array, Float64Array);
    const per = out instanceof Float32Array ? 1 : 2;
    if (this.#filled(true, out, (out.length + out.length % 2) * per)) return;
    for (let start = 0; start < out.length; start += BATCH / per) {
      const n = Math.min(BATCH / per, out.length - start);
      const pairs = (n + 1) >> 1;
      const words = this.#next(pairs * 2 * per);
      for (let i = 0; i < pairs; i++) {
        // The radius needs a number from (0, 1]: the logarithm of 0 must not happen.
        const u = per === 1
          ? (words[2 * i] + 1) * 2 ** -32
          : 1 - fraction(words[4 * i], words[4 * i + 1]);
        const v = per === 1
          ? words[2 * i + 1] * 2 ** -32
          : fraction(words[4 * i + 2], words[4 * i + 3]);
        boxMuller(u, v, pair);
        out[start + 2 * i] = pair[0];
        if (2 * i + 1 < n) out[start + 2 * i + 1] = pair[1];
      }
    }
  }

  /**
   * Fills with whole numbers from `lo` to `hi - 1`, each equally likely.
   *
   * @param lo lowest number
   * @param hi one more than the highest number
   * @param out the array to fill
   * @throws {RangeError} where the bounds are not safe integers, or `hi` is not above `lo` by 1 to
   *   2 ** 53
   */
  fillInt(lo: number, hi: number, out: BigInt64Array | Int32Array): void {
    checkNumber("fillInt", "lo", lo);
    checkNumber("fillInt", "hi", hi);
    checkTarget("fillInt", out, BigInt64Array, Int32Array);
    const range = hi - lo;
    if (!Number.isSafeInteger(lo) || !Number.isSafeInteger(hi) || range < 1 || range > 2 ** 53) {
      throw new RangeError(
        `fillInt: got bounds ${lo} and ${hi}, wants whole numbers with lo < hi <= lo + 2 ** 53.`,
      );
    }
    const draw = this.#below();
    if (out instanceof Int32Array) {
      for (let i = 0; i < out.length; i++) out[i] = lo + draw(range);
      return;
    }
    // Written in halves (low word first, as on every machine that Deno runs on): no bigint is made.
    const halves = new Int32Array(out.buffer, out.byteOffset, 2 * out.length);
    for (let i = 0; i < out.length; i++) {
      const v = lo + draw(range);
      halves[2 * i] = v | 0;
      halves[2 * i + 1] = Math.floor(v / 2 ** 32);
    }
  }

  /**
   * Fills with 1 (probability `p`) and 0.
   *
   * @param p probability of 1
   * @param out the array to fill
   * @throws {RangeError} where `p` is not in [0, 1]
   */
  fillBernoulli(p: number, out: Uint8Array): void {
    checkTarget("fillBernoulli", out, Uint8Array);
    if (typeof p !== "number" || !(p >= 0 && p <= 1)) {
      throw new RangeError(`fillBernoulli: a probability is from 0 to 1, got ${describe(p)}.`);
    }
    const limit = p * 2 ** 32;
    for (let start = 0; start < out.length; start += BATCH) {
      const n = Math.min(BATCH, out.length - start);
      const words = this.#next(n);
      for (let i = 0; i < n; i++) out[start + i] = words[i] < limit ? 1 : 0;
    }
  }

  /**
   * The numbers from 0 to n - 1 in random order, each order equally likely (R. Durstenfeld, 1964).
   *
   * @param n how many
   * @returns the numbers
   * @throws {RangeError} where `n` is not a whole number from 0 to 2 ** 31
   */
  permutation(n: number): Int32Array {
    if (!Number.isInteger(n) || n < 0 || n > 2 ** 31) {
      throw new RangeError(`permutation: got ${n}, wants a whole number from 0 to 2 ** 31.`);
    }
    const out = new Int32Array(n);
    for (let i = 0; i < n; i++) out[i] = i;
    const draw = this.#below();
    for (let i = n - 1; i > 0; i--) {
      const j = draw(i + 1), kept = out[i];
      out[i] = out[j];
      out[j] = kept;
    }
    return out;
  }

  /** A function that draws whole numbers from [0, range), without favouring any of them. */
  #below(): (range: number) => number {
    let at = 0, end = 0;
    const word = () => {
      if (at === end) {
        // Batches grow, so that a few numbers do not use up many words.
        end = Math.min(BATCH, Math.max(4, end * 2));
        this.#next(end);
        at = 0;
      }
      return this.#words[at++];
    };
    return (range) => {
      // Draws above the largest multiple of the range are thrown away.
      const small = range <= 2 ** 32;
      const span = small ? 2 ** 32 : 2 ** 53;
      const limit = span - span % range;
      for (;;) {
        const v = small ? word() : (word() & 0x1fffff) * 2 ** 32 + word();
        if (v < limit) return v % range;
      }
    };
  }
}

/** A number from [0, 1) with 53 random bits. */
function fraction(a: number, b: number): number {
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) * 2 ** -53;
}

/** Throws a TypeError that names `op` unless an array is one of these classes. */
function checkTarget(op: string, out: unknown, ...classes: (new (n: number) => unknown)[]): void {
  if (classes.some((cls) => out instanceof cls)) return;
  throw new TypeError(
    `${op}: the array to fill is ${describe(out)}, wants a ${
      classes.map(({ name }) => name).join(" or ")
    }.`,
  );
}
