/** CUDA kernels that are generated from programs give what the interpreter gives, to the last bit. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { opsLibrary } from "../../src/runtime/mod.ts";
import { fakeCuda } from "../helpers/fake_cuda.ts";
import { fuzzCudaPrograms, randomKernelTexts } from "../helpers/fuzz_cuda.ts";
import { testWith } from "../helpers/needs.ts";

/** All operations and steps, and some random programs; `deno task fuzz:cuda-programs` tries more. */
const PROGRAMS = 200;

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

/** What NVIDIA's run-time compiler knows of g++'s own functions. */
const KNOWN = ["__builtin_bit_cast", "__builtin_expect"];

testWith(fakeCuda, "generated CUDA kernels name no function that only g++ has", async () => {
  const texts = await randomKernelTexts(opsLibrary().path!, PROGRAMS);
  assert(texts.length > 1);
  for (const text of texts) {
    const made = /#ifdef __CUDACC_RTC__\n([^]*?)#endif/.exec(text)![1];
    const names = (of: string) => [...of.matchAll(/\b__builtin_\w+/g)].map(([name]) => name);
    const unknown = new Set(names(text)).difference(new Set([...names(made), ...KNOWN]));
    assertEquals([...unknown], []);
  }
});
