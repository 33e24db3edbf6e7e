/**
 * A GPU that is none: NVIDIA's driver and compiler on the CPU (`ops/cuda/testing`), for tests of CUDA
 * kernels.
 *
 * @module
 */

import { findCompiler } from "../../src/runtime/compiler.ts";
import { cacheFolder, makeCacheFolder } from "../../src/runtime/ops_cache.ts";
import { sha256 } from "../../src/runtime/sha256.ts";
import { compiler, kernels, linux, type Need } from "./needs.ts";

/** What it takes: the compiled ops, a compiler, and Linux. */
export const fakeCuda: readonly Need[] = [kernels, compiler, linux];

const root = new URL("../../", import.meta.url);
const path = (file: string) => decodeURIComponent(new URL(file, root).pathname);

/**
 * Compiles C++ files into the cache folder, unless that was done.
 *
 * @param name what it becomes
 * @param files sources, from the root of the repository
 * @param also further files that those include
 * @param flags of the compiler
 * @returns its path
 */
export async function compiled(
  name: string,
  files: readonly string[],
  also: readonly string[],
  flags: readonly string[],
): Promise<string> {
  const command = await findCompiler();
  const texts = [...files, ...also].map((file) => Deno.readTextFileSync(path(file)));
  // The path is part of it: the compiler finds headers beside the file that it was made from.
  const text = [root.href, name, ...command, ...flags, ...texts].join("\n");
  const key = sha256(new TextEncoder().encode(text)).slice(0, 16);
  const folder = `${cacheFolder()}/tests-${key}`, target = `${folder}/${name}`;
  makeCacheFolder();
  try {
    if (Deno.statSync(target).isFile) return target;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(folder, { recursive: true });
  const temporary = Deno.makeTempFileSync({ dir: folder });
  const args = [
    "-std=c++17",
    "-O1",
    ...flags,
    ...files.map(path),
    "-o",
    temporary,
    "-ldl",
    "-pthread",
  ];
  const { success, stderr } = await new Deno.Command(command[0], {
    args: [...command.slice(1), ...args],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  Deno.renameSync(temporary, target);
  return target;
}

const HEADERS = ["cuda_cpu.h", "fibers.h"].map((file) => `ops/cuda/testing/${file}`);

/** Path of a library that is NVIDIA's driver, its run-time compiler and cuSOLVER, all in one. */
export function fakeCudaLibrary(): Promise<string> {
  const files = ["fake_cuda.cc", "fake_cusolver.cc", "fibers.cc"].map((file) =>
    `ops/cuda/testing/${file}`
  );
  return compiled("libfake_cuda.so", files, HEADERS, ["-shared", "-fPIC"]);
}

/** A folder for machine code: what the fake compiler made is there for the next test. */
export function fakeCodeFolder(library: string): string {
  const folder = `${library.replace(/[^/]*$/, "")}code`;
  Deno.mkdirSync(folder, { recursive: true });
  return folder;
}

/** Path of the program that runs random cases through kernels (`tests/ops/cuda_cases.cc`). */
export function compiledCases(flags: readonly string[] = []): Promise<string> {
  const files = ["cuda_cases.cc", "cuda_families.cc"].map((file) => `tests/ops/${file}`);
  return compiled("cuda_cases", files, ["tests/ops/cuda_cases.h"], flags);
}
