/**
 * Random cases through the CUDA kernels on a fake GPU, under sanitizers:
 * `deno task fuzz:cuda [--cases N] [--seed N] [--sanitize thread|address|none] [--only Lu,Cholesky]
 * [--optional]`, by default under one sanitizer after the other.
 *
 * Each result is compared with that of the CPU's kernel (`tests/ops/cuda_cases.cc`). ThreadSanitizer
 * finds races between the threads of a block and missing barriers, AddressSanitizer wrong indices. With
 * `--optional` a machine without a compiler that has the sanitizer gets a line that says so, and exit
 * code 0.
 */

import { parseArgs } from "node:util";
import { opsLibrary } from "../src/runtime/mod.ts";
import { compiled, compiledCases, fakeCudaLibrary } from "../tests/helpers/fake_cuda.ts";

const { values: options } = parseArgs({
  options: {
    cases: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
    sanitize: { type: "string", default: "thread,address" },
    only: { type: "string", default: "" },
    optional: { type: "boolean", default: false },
  },
});

/** Runs the cases; the exit code is that of the program. */
async function run(sanitizer: string): Promise<number> {
  const flags = sanitizer === "none" ? [] : [`-fsanitize=${sanitizer}`];
  const library = await fakeCudaLibrary();
  const program = await compiledCases(["-g", ...flags]);
  const only = options.only === "" ? [] : options.only.split(",");
  const code = await Deno.makeTempDir({ prefix: "torchopt-cuda-" });
  try {
    console.log(`sanitizer: ${sanitizer}`);
    const result = await new Deno.Command(program, {
      args: [opsLibrary().path!, library, code, options.seed, options.cases, ...only],
      env: {
        FAKE_CUDA_FLAGS: ["-g", ...flags].join(" "),
        ASAN_OPTIONS: "detect_leaks=0",
      },
    }).spawn().status;
    return result.code;
  } finally {
    await Deno.remove(code, { recursive: true });
  }
}

/** Why there is nothing to run; undefined where there is. */
async function missing(): Promise<string | undefined> {
  if (!opsLibrary().loaded) return `the compiled ops are ${opsLibrary().why}`;
  const sanitizers = options.sanitize.split(",").filter((name) => name !== "none");
  const flags = (name: string) => [`-fsanitize=${name}`];
  try {
    for (const name of sanitizers) {
      const empty = await compiled("empty", ["tests/ops/empty.cc"], [], flags(name));
      if (!(await new Deno.Command(empty).output()).success) {
        return `programs with ${name} do not run`;
      }
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const why = await missing();
if (why !== undefined) {
  console.error(`CUDA kernels were not tried: ${why}`);
  Deno.exit(options.optional ? 0 : 1);
}
let status = 0;
for (const sanitizer of options.sanitize.split(",")) status ||= await run(sanitizer);
Deno.exit(status);
