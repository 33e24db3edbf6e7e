/** The dry run of CUDA finds accesses of two streams that nothing orders. */

import { assertEquals } from "@std/assert";
import { compiled } from "../helpers/fake_cuda.ts";
import { compiler, linux, testWith } from "../helpers/needs.ts";

testWith([compiler, linux], "streams of the fake CUDA are ordered by what waits", async () => {
  const headers = ["order.h", "parameters.h"].map((file) => `scripts/cuda_dry_run/${file}`);
  const program = await compiled("cuda_order", ["tests/ops/cuda_order.cc"], headers, ["-O0"]);
  const { code, stdout } = await new Deno.Command(program).output();
  assertEquals(new TextDecoder().decode(stdout), "");
  assertEquals(code, 0);
});
