/**
 * Random programs as generated CUDA kernels, see `tests/ops/fuzz_cuda.cc`.
 *
 * @module
 */

import { compiled } from "./fake_cuda.ts";

/** What to try. */
export interface FuzzOptions {
  /** How many programs; the first ones are each operation by itself, in both types. */
  readonly programs: number;
  readonly seed: number;
  /** Of the compiler, for kernels and the program that runs them. */
  readonly flags: readonly string[];
}

/** Runs it on the compiled ops in `library`. */
export async function fuzzCudaPrograms(
  library: string,
  { programs, seed, flags }: FuzzOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const testing = ["cuda_cpu.h", "fibers.h"].map((file) => `ops/cuda/testing/${file}`);
  // Fibers tell the sanitizers what they do, and are built without.
  const fibers = await compiled("libfibers.so", ["ops/cuda/testing/fibers.cc"], testing, [
    "-shared",
    "-fPIC",
  ]);
  const program = await compiled(
    "fuzz_cuda",
    ["tests/ops/fuzz_cuda.cc"],
    ["tests/ops/random_program.h", "tests/ops/reference.h", ...testing],
    [
      ...flags,
      "-rdynamic",
      "-Wl,--no-as-needed",
      fibers,
      `-Wl,-rpath,${fibers.replace(/\/[^/]*$/, "")}`,
    ],
  );
  const folder = await Deno.makeTempDir({ prefix: "torchopt-fuzz-" });
  try {
    const args = [library, folder, String(programs), String(seed), flags.join(" ")];
    const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
