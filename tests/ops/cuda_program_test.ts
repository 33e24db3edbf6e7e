/** CUDA kernels that are generated from programs give what the interpreter gives, to the last bit. */

import { assertEquals, assertMatch } from "@std/assert";
import { opsLibrary } from "../../src/runtime/mod.ts";
import { fakeCuda } from "../helpers/fake_cuda.ts";
import { fuzzCudaPrograms } from "../helpers/fuzz_cuda.ts";
import { testWith } from "../helpers/needs.ts";

/** All operations, and some random programs and loops; `deno task fuzz:cuda-programs` tries more. */
const PROGRAMS = 150;

testWith(fakeCuda, "generated CUDA kernels agree with the interpreter", async () => {
  const { code, stdout, stderr } = await fuzzCudaPrograms(opsLibrary().path!, {
    programs: PROGRAMS,
    seed: 1,
    flags: [],
  });
  assertEquals(stderr, "");
  assertMatch(stdout, /, 0 different\n$/);
  assertEquals(code, 0);
});
