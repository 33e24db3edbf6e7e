/**
 * Random programs as generated CUDA kernels, see `tests/ops/fuzz_cuda.cc`.
 *
 * @module
 */

import { compiled } from "./fake_cuda.ts";

/** What to try. */
export interface FuzzOptions {
  /** How many programs; first each operation by itself, in both types, then steps of set sizes. */
  readonly programs: number;
  readonly seed: number;
  /** Of the compiler, for kernels and the program that runs them. */
  readonly flags: readonly string[];
}

/** The program that makes them, built with these flags. */
async function fuzzProgram(flags: readonly string[]): Promise<string> {
  const testing = ["cuda_cpu.h", "fibers.h"].map((file) => `ops/cuda/testing/${file}`);
  // Fibers tell the sanitizers what they do, and are built without.
  const fibers = await compiled("libfibers.so", ["ops/cuda/testing/fibers.cc"], testing, [
    "-shared",
    "-fPIC",
  ]);
  return await compiled(
    "fuzz_cuda",
    ["tests/ops/fuzz_cuda.cc"],
    ["step_cases.h", "random_program.h", "reference.h"].map((file) => `tests/ops/${file}`).concat(
      testing,
    ),
    [
      ...flags,
      "-rdynamic",
      "-Wl,--no-as-needed",
      fibers,
      `-Wl,-rpath,${fibers.replace(/\/[^/]*$/, "")}`,
    ],
  );
}

/** Runs it on the compiled ops in `library`. */
export async function fuzzCudaPrograms(
  library: string,
  { programs, seed, flags }: FuzzOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = await fuzzProgram(flags);
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

/** The texts of their kernels, as NVIDIA's compiler gets them on a GPU; many programs are one text. */
export async function randomKernelTexts(library: string, programs: number): Promise<string[]> {
  const program = await fuzzProgram([]);
  const folder = await Deno.makeTempDir({ prefix: "torchopt-fuzz-" });
  try {
    const args = [library, folder, String(programs), "1", "--texts"];
    const { success, stderr } = await new Deno.Command(program, { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    return names.map((name) => Deno.readTextFileSync(`${folder}/${name}`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
