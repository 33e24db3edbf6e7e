/**
 * Random programs and loops as generated CUDA kernels on a fake GPU, compared with the interpreter of the
 * CPU: `deno task fuzz:cuda-programs [--programs N] [--seed N] [--sanitize thread|address]`.
 *
 * Kernels are built with the sanitizer: under ThreadSanitizer a missing barrier is a race, under
 * AddressSanitizer each tensor is as large as it is.
 */

import { parseArgs } from "node:util";
import { buildOps } from "../src/runtime/mod.ts";
import { fuzzCudaPrograms } from "../tests/helpers/fuzz_cuda.ts";

const { values: options } = parseArgs({
  options: {
    programs: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    sanitize: { type: "string" },
  },
});
const { path } = await buildOps();
const sanitizer = options.sanitize === undefined ? [] : [`-fsanitize=${options.sanitize}`];
const { code, stdout, stderr } = await fuzzCudaPrograms(path, {
  programs: Number(options.programs),
  seed: Number(options.seed),
  flags: sanitizer,
});
console.log(stdout + stderr);
Deno.exit(code);
