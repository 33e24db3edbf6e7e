/** The builds of the kernels for different instruction sets agree, but for rounding. */

import { assert, assertEquals } from "@std/assert";
import { assertClose } from "../helpers/close.ts";
import { kernels, testWith } from "../helpers/needs.ts";

async function results(simd: string): Promise<Record<string, number[]>> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("simd_child.ts", import.meta.url).href],
    cwd: new URL("../..", import.meta.url),
    env: { TORCHOPT_SIMD: simd },
  }).output();
  assert(stdout.length > 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

testWith(kernels, "TORCHOPT_SIMD chooses among builds that agree", async () => {
  const [best, avx2, base] = await Promise.all(["", "avx2", "base"].map(results));
  for (const other of [avx2, base]) {
    assertEquals(Object.keys(other), Object.keys(best));
    for (const [name, values] of Object.entries(best)) {
      const tolerance = name.includes("float32") ? 3e-5 : 1e-13;
      const scale = values.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
      assertClose(other[name], values, { rtol: tolerance, atol: tolerance * scale }, name);
    }
  }
});
