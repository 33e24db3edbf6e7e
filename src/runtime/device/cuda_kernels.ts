/**
 * The kernels of the compiled ops for CUDA: compiled by NVIDIA's run-time compiler on each machine, once.
 *
 * @module
 */

import { cString, readCString } from "../ffi.ts";
import { makeCacheFolder } from "../ops_cache.ts";
import { opsLibrary } from "../ops_library.ts";
import { openPinned } from "../pin.ts";
import type { DeviceMemory } from "./driver.ts";

const SYMBOLS = {
  torchopt_cuda_setup: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "void" },
  torchopt_cuda_prepare: { parameters: ["i32"], result: "i32" },
  torchopt_cuda_wait: { parameters: ["buffer", "i32"], result: "i32" },
  torchopt_cuda_random_fill: {
    parameters: ["i32", "i32", "i32", "f64", "f64", "buffer", "f64"],
    result: "i32",
  },
  torchopt_last_error: { parameters: [], result: "pointer" },
} as const;

type Calls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The module that holds the kernel of an op. Others have none: their graphs run instead. */
const MODULES: Readonly<Record<string, string>> = {
  "torchopt.Cholesky": "linalg",
  "torchopt.Columns": "windows",
  "torchopt.FoldColumns": "windows",
  "torchopt.FusedAdam": "fused_adam",
  "torchopt.Lu": "linalg",
  "torchopt.MaxPlaces": "windows",
  "torchopt.RunningSum": "running_sum",
  "torchopt.ScatterZeros": "windows",
  "torchopt.TriangularSolve": "linalg",
};

/** The kernels, or why there are none; undefined before a GPU is in use. */
let started: { calls: Calls; device: number } | { why: string } | undefined;
const ready = new Map<string, boolean>();

/**
 * Begins to compile the kernels for a GPU in the background, or to load them from the cache. The first
 * call counts for the process.
 *
 * @param device number of the GPU
 * @param nvrtc path of the run-time compiler; empty leaves the choice to the loader
 * @param solver path of cuSOLVER, likewise
 */
export function startKernels(device: number, nvrtc: string, solver: string): void {
  const { loaded, path, why } = opsLibrary();
  if (!loaded) {
    started ??= { why: `the compiled ops are ${why}` };
    return;
  }
  const calls = openPinned(path!, SYMBOLS).symbols;
  if (started === undefined) {
    calls.torchopt_cuda_setup(cString(""), cString(nvrtc), cString(solver), cString(codeFolder()));
  }
  const failed = calls.torchopt_cuda_prepare(device) !== 0;
  started ??= failed ? { why: lastError(calls) } : { calls, device };
}

/** The folder for machine code; empty where none may be written. */
function codeFolder(): string {
  try {
    const folder = `${makeCacheFolder()}/cuda-code`;
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch {
    return "";
  }
}

function lastError(calls: Calls): string {
  return readCString(calls.torchopt_last_error());
}

/**
 * Whether an op has a kernel. Waits for one that is being compiled, a second at most and once on a
 * machine: a graph is lowered for what there is.
 */
export function hasKernel(op: string): boolean {
  if (started === undefined || "why" in started || !(op in MODULES)) return false;
  const { calls, device } = started, module = MODULES[op];
  let found = ready.get(module);
  if (found === undefined) {
    found = calls.torchopt_cuda_wait(cString(module), device) === 0;
    if (!found) {
      console.warn(`torchopt: ${lastError(calls)}. Graphs of ONNX's operators run instead.`);
    }
    ready.set(module, found);
  }
  return found;
}

/** Why no kernel is in use; undefined where they are, or no GPU is. */
export function whyNoKernels(): string | undefined {
  return started !== undefined && "why" in started ? started.why : undefined;
}

/**
 * A function that fills memory of a GPU with random numbers.
 *
 * @param device number of the GPU
 */
export function randomFiller(device: number): NonNullable<DeviceMemory["fillRandom"]> {
  return (address, count, { isF64, normal, key, offset }) => {
    if (started === undefined || "why" in started) return false;
    const fill = started.calls.torchopt_cuda_random_fill;
    return fill(device, Number(isF64), Number(normal), address, count, key, offset) === 0;
  };
}
