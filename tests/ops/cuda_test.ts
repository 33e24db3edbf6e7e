/** CUDA kernels on a fake GPU give what the kernels of the CPU give. */

import { assert, assertEquals } from "@std/assert";
import { opsLibrary } from "../../src/runtime/mod.ts";
import { compiledCases, fakeCodeFolder, fakeCuda, fakeCudaLibrary } from "../helpers/fake_cuda.ts";
import { testWith } from "../helpers/needs.ts";

/** Random cases of each kernel; `deno task fuzz:cuda` tries more, under sanitizers. */
const CASES = 30;

testWith(fakeCuda, "CUDA kernels agree with those of the CPU", async () => {
  const [library, program] = await Promise.all([fakeCudaLibrary(), compiledCases()]);
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [opsLibrary().path!, library, fakeCodeFolder(library), "1", String(CASES)],
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals(lines.filter((line) => !line.startsWith("ok ")), []);
  assert(lines.length > 0);
  assertEquals(code, 0, new TextDecoder().decode(stderr));
});
