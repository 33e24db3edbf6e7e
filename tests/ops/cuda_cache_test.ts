/** Machine code of CUDA kernels on disk: what is not whole is made again. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { opsLibrary } from "../../src/runtime/mod.ts";
import { compiledCases, fakeCuda, fakeCudaLibrary } from "../helpers/fake_cuda.ts";
import { testWith } from "../helpers/needs.ts";

/** Runs a case of the random numbers, with machine code in `folder`; returns what it prints. */
async function runCase(folder: string, nvrtc?: string): Promise<string> {
  const library = await fakeCudaLibrary();
  const { stdout } = await new Deno.Command(await compiledCases(), {
    args: [opsLibrary().path!, library, folder, "1", "3", "Random"],
    env: nvrtc === undefined ? {} : { CUDA_CASES_NVRTC: nvrtc },
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);

testWith(
  fakeCuda,
  "machine code of CUDA kernels is kept, and made again where it is not whole",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      assertEquals(await runCase(folder), "ok Random 3 cases");
      const [name, ...others] = namesIn(folder), file = `${folder}/${name}`;
      assertEquals(others, []);
      assert(/^[0-9a-f]{64}\.cubin$/.test(name), name);
      const made = await Deno.readFile(file);
      const changed = made.slice();
      changed[changed.length - 1] ^= 1;
      for (const broken of [changed, made.subarray(0, 300), new Uint8Array(0)]) {
        await Deno.writeFile(file, broken);
        assertEquals(await runCase(folder), "ok Random 3 cases");
        // The compiler puts names of temporary files into what it makes.
        assert(Math.abs((await Deno.stat(file)).size - made.length) < 100);
        assertEquals(namesIn(folder), [name]);
      }
      const kept = await Deno.readFile(file);
      assertEquals(await runCase(folder), "ok Random 3 cases");
      assertEquals(await Deno.readFile(file), kept);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

testWith(fakeCuda, "CUDA kernels without NVRTC say what is missing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const said = await runCase(folder, `${folder}/libnvrtc.so.13`);
    assertStringIncludes(said, "the run-time compiler NVRTC does not load");
    assertStringIncludes(said, `${folder}/libnvrtc.so.13`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
