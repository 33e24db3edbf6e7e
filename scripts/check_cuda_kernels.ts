/**
 * Compiles every CUDA kernel of the ops library to machine code, without a GPU, and samples of those
 * that it generates from graphs: of random programs, of which the first are each operation and each
 * kind of step, and of workloads of `bench/`.
 * `deno task check:cuda [--nvrtc PATH] [--arch 80,90,100] [--programs 200] [--workloads w1a,w2]
 * [--verbose] [--optional]`.
 *
 * Fails where a kernel does not compile or spills registers to memory; those are printed with their
 * registers and shared memory, with `--verbose` all are. The compiler is NVRTC from `--nvrtc` or
 * `TORCHOPT_NVRTC`, else of the Python package nvidia-cuda-nvrtc, which is installed into the cache
 * folder. With `--optional` a machine where that does not work gets a line that says so, and exit code 0.
 */

import { parseArgs } from "node:util";
import $ from "dax";
import { opsLibrary } from "../src/runtime/mod.ts";
import { makeCacheFolder } from "../src/runtime/ops_cache.ts";
import { builtinSources, randomSources, type Source, workloadSource } from "./cuda_sources.ts";

const PACKAGE = "nvidia-cuda-nvrtc==13.0.88";

const { values: options } = parseArgs({
  options: {
    nvrtc: { type: "string", default: Deno.env.get("TORCHOPT_NVRTC") ?? "" },
    arch: { type: "string", default: "80,90,100" },
    programs: { type: "string", default: "200" },
    workloads: { type: "string", default: "w1a,w1c,w2,w3a,w3b,w4,w5" },
    verbose: { type: "boolean", default: false },
    optional: { type: "boolean", default: false },
  },
});

/** Path of NVRTC, installed where it is not there. */
async function installed(): Promise<string> {
  if (options.nvrtc !== "") return options.nvrtc;
  const folder = `${makeCacheFolder()}/${PACKAGE.replaceAll("=", "-")}`;
  const library = `${folder}/nvidia/cu13/lib/libnvrtc.so.13`;
  try {
    Deno.statSync(library);
  } catch {
    await $`python3 -m pip install --quiet --no-deps --target ${folder} ${PACKAGE}`;
  }
  return library;
}

const cString = (text: string) => new TextEncoder().encode(`${text}\0`);
const address = (bytes: Uint8Array) =>
  Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>));

/** A function that compiles and returns the compiler's notes, one for each kernel. */
function compilerOf(path: string): (source: Source, arch: string) => string {
  const folder = path.replace(/[^/]*$/, "");
  // NVRTC opens its builtins by their bare name.
  for (const { name } of Deno.readDirSync(folder)) {
    if (/^libnvrtc-builtins\.so/.test(name)) Deno.dlopen(folder + name, {});
  }
  const { symbols } = Deno.dlopen(path, {
    nvrtcCreateProgram: {
      parameters: ["buffer", "buffer", "buffer", "i32", "pointer", "pointer"],
      result: "i32",
    },
    nvrtcCompileProgram: { parameters: ["pointer", "i32", "buffer"], result: "i32" },
    nvrtcGetProgramLogSize: { parameters: ["pointer", "buffer"], result: "i32" },
    nvrtcGetProgramLog: { parameters: ["pointer", "buffer"], result: "i32" },
    nvrtcDestroyProgram: { parameters: ["buffer"], result: "i32" },
  });
  return ({ name, flags, text }, arch) => {
    const made = new BigUint64Array(1), size = new BigUint64Array(1);
    symbols.nvrtcCreateProgram(made, cString(text), cString(`${name}.cu`), 0, null, null);
    const program = Deno.UnsafePointer.create(made[0]);
    const all = [...flags, `--gpu-architecture=sm_${arch}`, "--std=c++17", "--ptxas-options=-v"];
    const strings = all.map(cString);
    const code = symbols.nvrtcCompileProgram(
      program,
      strings.length,
      BigUint64Array.from(strings, address),
    );
    symbols.nvrtcGetProgramLogSize(program, size);
    const log = new Uint8Array(Number(size[0]));
    symbols.nvrtcGetProgramLog(program, log);
    symbols.nvrtcDestroyProgram(made);
    const notes = new TextDecoder().decode(log).replaceAll("\0", "");
    if (code !== 0) throw new Error(`${name} does not compile for sm_${arch}:\n${notes}`);
    return notes;
  };
}

interface Usage {
  readonly kernel: string;
  readonly registers: number;
  readonly spills: number;
  readonly text: string;
}

/** What ptxas says of each kernel. */
function usages(notes: string): Usage[] {
  return notes.split("Compiling entry function '").slice(1).map((part) => {
    const number = (pattern: RegExp) => Number(pattern.exec(part)?.[1] ?? 0);
    const spills = number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/);
    const registers = number(/Used (\d+) registers/);
    const text = `${registers} registers, ` +
      `${number(/(\d+) bytes stack frame/)} B stack, ${number(/(\d+) bytes smem/)} B shared, ` +
      `${spills} B spills`;
    return { kernel: part.slice(0, part.indexOf("'")), registers, spills, text };
  });
}

let compile: ReturnType<typeof compilerOf>;
const sources: Source[] = [];
try {
  if (!opsLibrary().loaded) throw new Error(`the compiled ops are ${opsLibrary().why}`);
  compile = compilerOf(await installed());
  sources.push(...builtinSources(), ...await randomSources(Number(options.programs)));
} catch (error) {
  console.error(`CUDA kernels were not compiled: ${(error as Error).message}`);
  Deno.exit(options.optional ? 0 : 1);
}
for (const name of options.workloads.split(",")) {
  if (name !== "") sources.push(...await workloadSource(name));
}
let spilling = 0, kernels = 0, most = 0;
for (const arch of options.arch.split(",")) {
  for (const source of sources) {
    const start = performance.now(), found = usages(compile(source, arch));
    const ms = (performance.now() - start).toFixed(0);
    console.log(`sm_${arch} ${source.name}: ${found.length} kernels, ${ms} ms`);
    for (const { kernel, registers, spills, text } of found) {
      if (spills > 0 || options.verbose) console.log(`  ${kernel}: ${text}`);
      if (spills > 0) spilling++;
      most = Math.max(most, registers);
    }
    kernels += found.length;
    if (found.length === 0) throw new Error(`${source.name}: no kernel was found in it`);
  }
}
console.log(`${kernels} kernels, up to ${most} registers; ${spilling} spill registers`);
Deno.exit(spilling === 0 ? 0 : 1);
