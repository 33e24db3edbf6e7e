/**
 * Random and mutated programs through the Program kernel, and random matrices through those of linear
 * algebra, under a sanitizer:
 * `deno task fuzz:ops [--programs N] [--matrices N] [--seed N] [--sanitize address,undefined|thread]
 * [--optional]`.
 *
 * Builds `tests/ops/fuzz_*.cc` with the sources of the kernels into a temporary folder, and runs
 * them. With `--optional` a machine without a compiler that has the sanitizer gets a line that says so,
 * and exit code 0.
 */

import { parseArgs } from "node:util";
import $ from "dax";
import manifest from "../ops/sources.json" with { type: "json" };
import type { Unit } from "../src/runtime/ops_cache.ts";

const { values: options } = parseArgs({
  options: {
    programs: { type: "string", default: "20000" },
    matrices: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    sanitize: { type: "string", default: "address,undefined" },
    optional: { type: "boolean", default: false },
  },
});

const compiler = Deno.env.get("CXX") ?? "c++";
const root = new URL("..", import.meta.url);
const path = (file: string) => decodeURIComponent(new URL(file, root).pathname);
const sanitizer = `-fsanitize=${options.sanitize}`;
const common = ["-std=c++17", "-O1", "-g", sanitizer, "-fno-sanitize-recover=undefined"];

/** Whether a program can be built with the sanitizer, and runs. */
async function works(folder: string): Promise<boolean> {
  const source = `${folder}/empty.cc`, program = `${folder}/empty`;
  await Deno.writeTextFile(source, "int main() { return 0; }\n");
  try {
    const built = await $`${compiler} ${common} ${source} -o ${program}`.noThrow().quiet();
    return built.code === 0 && (await $`${program}`.noThrow().quiet()).code === 0;
  } catch {
    return false;
  }
}

/** Compiles and runs; the exit code is that of the program. */
async function run(folder: string): Promise<number> {
  const arch = Deno.build.arch;
  const jobs: { files: string[]; flags: readonly string[] }[] = [];
  for (const { files, flags = [], archs } of manifest.units as readonly Unit[]) {
    const kernels = files.filter((file) =>
      /^(common|program|linalg)\/[^/]*$/.test(file) && !file.endsWith("/op.cc")
    );
    if (kernels.length === 0 || !(archs?.includes(arch) ?? true)) continue;
    jobs.push({ files: kernels.map((file) => path(`ops/${file}`)), flags });
  }
  for (const name of ["program", "linalg"]) {
    jobs.push({ files: [path(`tests/ops/fuzz_${name}.cc`)], flags: [] });
  }
  const objects: string[] = [];
  const waiting = jobs.entries();
  const worker = async () => {
    for (const [i, { files, flags }] of waiting) {
      objects[i] = `${folder}/${i}.o`;
      const unit = `${folder}/${i}.cc`;
      await Deno.writeTextFile(unit, files.map((file) => `#include "${file}"\n`).join(""));
      await $`${compiler} ${common} ${flags} -c ${unit} -o ${objects[i]}`;
    }
  };
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, worker));
  const linalg = objects.pop()!, program = objects.pop()!;
  for (const [own, rounds] of [[program, options.programs], [linalg, options.matrices]]) {
    await $`${compiler} ${sanitizer} ${objects} ${own} ${manifest.link} -o ${folder}/fuzz`;
    const { code } = await $`${folder}/fuzz ${rounds} ${options.seed}`.noThrow();
    if (code !== 0) return code;
  }
  return 0;
}

const folder = await Deno.makeTempDir({ prefix: "torchopt-fuzz-" });
let code = 1;
try {
  if (await works(folder)) code = await run(folder);
  else {
    console.error(`No C++ compiler with ${sanitizer} was found (${compiler}; CXX names another).`);
    code = options.optional ? 0 : 1;
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(code);
