/**
 * Checks of runs that are not waited for: they go into one queue with all copies, and only reading waits.
 * In the pass "late" whatever is put into a stream runs when something waits for it, so that a value
 * that is there too early, or too late, is another one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { compile, randn, realize, type Tensor, tensor } from "../../mod.ts";
import { counts, during, makeStream, onCuda } from "./device.ts";

const a = () => tensor([[1, 2], [3, 4]]);
const identity = (factor = 1) => tensor([[factor, 0], [0, factor]]);

/** A square matrix of `n` rows that is `factor` times the identity. */
function scaled(n: number, factor: number): Tensor {
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * (n + 1)] = factor;
  return tensor(data, { shape: [n, n] });
}

/** The checks, by name. */
export const queueChecks: Record<string, () => string | Promise<string>> = {
  "queue: runs are not waited for, reading is"() {
    return onCuda(() => {
      const f = compile((x: Tensor, y: Tensor) => x.matmul(y)), x = a(), e = identity();
      let z = f(x, e);
      z.data();
      const begun = during(() => {
        for (let i = 0; i < 20; i++) realize(z = f(z, e));
      });
      assertEquals([begun.waits, begun.toHost, begun.products], [0, 0, 20]);
      const read = during(() => assertEquals(z.toArray(), [[1, 2], [3, 4]]));
      assert(read.waits > 0, "nobody waited for what was read");
      return `20 runs, ${begun.waits} waits; reading: ${read.waits}`;
    });
  },

  "queue: what is written comes after the runs before it"() {
    return onCuda(() => {
      const w = identity(2), f = compile((x: Tensor) => x.matmul(w)), x = a();
      const results: Tensor[] = [];
      const { waits } = during(() => {
        for (let i = 2; i < 8; i++) {
          results.push(f(x));
          realize(results[results.length - 1]);
          w.copy_(identity(i + 1));
        }
      });
      results.forEach((y, i) => {
        const k = i + 2;
        assertEquals(y.toArray(), [[k, 2 * k], [3 * k, 4 * k]]);
      });
      return `6 runs with a new matrix each, ${waits} waits`;
    });
  },

  "queue: memory that runs still read is not written over too early"() {
    return onCuda(() => {
      const e = scaled(64, 1), f = compile((x: Tensor) => x.matmul(e));
      f(scaled(64, 1)).data();
      const results: Tensor[] = [];
      for (let i = 0; i < 8; i++) {
        const x = scaled(64, i + 1), y = f(x);
        realize(y);
        // The next one takes its memory.
        x.dispose();
        results.push(y);
      }
      results.forEach((y, i) => {
        assertEquals((y.toArray() as number[][]).map((row, k) => row[k]), Array(64).fill(i + 1));
      });
      return "8 matrices in the same place";
    });
  },

  "queue: random numbers come after the runs that had their memory"() {
    return onCuda(() => {
      const e = scaled(64, 1), f = compile((x: Tensor) => x.matmul(e));
      f(scaled(64, 1)).data();
      const x = scaled(64, 3), y = f(x);
      realize(y);
      x.dispose();
      const noise = randn([64, 64]);
      realize(noise);
      assertEquals((y.toArray() as number[][]).map((row, k) => row[k]), Array(64).fill(3));
      assert(noise.data().some((v) => Number(v) !== 0));
      return "";
    });
  },

  async "queue: asynchronous runs go with the others"() {
    return await onCuda(async () => {
      const e = identity(2), f = (x: Tensor) => x.matmul(e);
      let x = a();
      for (let i = 0; i < 5; i++) {
        realize(x = f(x));
        const y = f(x);
        assertEquals(
          Array.from(await y.dataAsync(), Number),
          [1, 2, 3, 4].map((v) => v * 4 ** (i + 1)),
        );
        x = f(x);
      }
      return "5 turns";
    });
  },

  "queue: a session may go while its runs are under way"() {
    return onCuda(() => {
      const x = a(), results: Tensor[] = [];
      // More structures than are kept, so that some are dropped.
      for (let n = 1; n <= 600; n++) {
        const y = x.matmul(identity()).reshape(...Array(n % 12).fill(1), 4);
        if (n % 50 === 0) results.push(y);
        realize(y);
      }
      for (const y of results) assertEquals(Array.from(y.data(), Number), [1, 2, 3, 4]);
      return `${results.length} results`;
    });
  },

  "given stream: runs go into a stream from elsewhere, and are waited for"() {
    const stream = makeStream();
    Deno.env.set("TORCHOPT_CUDA_OPTIONS", `user_compute_stream=${stream}`);
    return onCuda(() => {
      const f = compile((x: Tensor, y: Tensor) => x.matmul(y)), e = identity(2);
      let x = a();
      for (let i = 0; i < 5; i++) {
        const { waits } = during(() => realize(x = f(x, e)));
        assert(waits > 0, "nobody waited for a run");
        e.copy_(identity(2));
      }
      assertEquals(x.toArray(), [[32, 64], [96, 128]]);
      return `${counts().products} products`;
    });
  },
};
