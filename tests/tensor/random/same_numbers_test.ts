/** A seed gives the same numbers with and without kernels, for any number of threads, in a Worker. */

import { assert, assertEquals } from "@std/assert";
import { boxMuller, logarithm } from "../../../src/tensor/random/box_muller.ts";
import { Generator } from "../../../src/tensor/random/philox.ts";

const file = new URL("numbers.ts", import.meta.url);

async function inProcess(env: Record<string, string>): Promise<Record<string, string>> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", file.href],
    cwd: new URL("../../..", import.meta.url),
    env,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert(stdout.length > 0, text(stderr));
  return JSON.parse(text(stdout));
}

Deno.test("a seed gives the same numbers with and without kernels, and for any number of threads", async () => {
  const plain = await inProcess({ TORCHOPT_OPS: "off" });
  assertEquals(plain.compiled, plain.eager);
  for (
    const env of [
      { TORCHOPT_THREADS: "1" },
      { TORCHOPT_THREADS: "3" },
      { TORCHOPT_SIMD: "avx2" },
      { TORCHOPT_THREADS: "2", TORCHOPT_SIMD: "base" },
    ]
  ) assertEquals(await inProcess(env as unknown as Record<string, string>), plain);
});

Deno.test("a seed gives the same numbers in a Worker", async () => {
  const worker = new Worker(new URL("numbers_worker.ts", import.meta.url), { type: "module" });
  const got = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = reject;
    worker.postMessage(null);
  });
  worker.terminate();
  assertEquals(got, await inProcess({}));
});

Deno.test("Generator fills many numbers with the bits that it fills few with", () => {
  for (const kind of ["fillNormal", "fillUniform"] as const) {
    for (const make of [Float32Array, Float64Array]) {
      // Blocks of four words; the second starts where counters get a new word.
      for (const offset of [0, 2 ** 32 - 37]) {
        for (const n of [1024, 1025, 1533, 4097, 70_001]) {
          const state = { seed: "12345678901234567", offset };
          const a = new Generator(1),
            b = new Generator(1),
            whole = new make(n),
            parts = new make(n);
          a.state = b.state = state;
          a[kind](whole);
          for (let i = 0; i < n; i += 512) b[kind](parts.subarray(i, Math.min(n, i + 512)));
          assertEquals(whole, parts);
          assertEquals(a.state, b.state);
        }
      }
    }
  }
});

Deno.test("boxMuller() is right to rounding, and gives these bits", () => {
  const out = new Float64Array(2), g = new Generator(3), u = new Float64Array(2000);
  g.fillUniform(u);
  for (let i = 0; i < u.length; i += 2) {
    const a = 1 - u[i], b = u[i + 1];
    assert(Math.abs(logarithm(a) - Math.log(a)) <= 4e-16 * Math.abs(Math.log(a)));
    boxMuller(a, b, out);
    const r = Math.sqrt(-2 * Math.log(a)), angle = 2 * Math.PI * b;
    assert(Math.abs(out[0] - r * Math.cos(angle)) < 4e-15 * (1 + r));
    assert(Math.abs(out[1] - r * Math.sin(angle)) < 4e-15 * (1 + r));
  }
  // The ends of what it is given.
  boxMuller(1, 0, out);
  assertEquals([...out].map(Math.abs), [0, 0]);
  boxMuller(2 ** -53, 0.5, out);
  assert(Math.abs(out[0] + Math.sqrt(106 * Math.LN2)) < 1e-14 && Math.abs(out[1]) < 1e-14);
});
