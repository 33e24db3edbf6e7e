/**
 * NVIDIA's GPUs: the execution provider of ONNX Runtime for CUDA, and memory through its interface.
 *
 * @module
 */

import { check, ort } from "../api.ts";
import type { DType } from "../dtype.ts";
import { type CudaParts, findCuda, PROVIDER } from "./cuda_find.ts";
import { hasKernel, randomFiller, startKernels, whyNoKernels } from "./cuda_kernels.ts";
import type { Driver, Found, OpenDevice } from "./driver.ts";
import { cudaGenerator } from "./generated_kernels.ts";
import { openOrtMemory, registerProvider } from "./ort_memory.ts";
import { hasOperator, isCompiled, type Target } from "./target.ts";
import { BackendError } from "../errors.ts";
import { bufferAddress, cString, outPointer } from "../ffi.ts";
import { openPinned } from "../pin.ts";
import { CudaStream } from "./cuda_stream.ts";

const DRIVER_SYMBOLS = {
  cuInit: { parameters: ["u32"], result: "i32" },
  cuDriverGetVersion: { parameters: ["buffer"], result: "i32" },
  cuDeviceGetCount: { parameters: ["buffer"], result: "i32" },
  cuDeviceGetName: { parameters: ["buffer", "i32", "i32"], result: "i32" },
} as const;

/** Versions of CUDA are a thousand times the major one, and ten times the minor one. */
const MAJOR = 1000;

/**
 * Options of the provider: float32 means float32, as on the CPU, so that TF32 is off; memory is taken
 * as it is asked for. `TORCHOPT_CUDA_OPTIONS` adds to them: "use_tf32=1,gpu_mem_limit=4000000000".
 */
const PROVIDER_OPTIONS = {
  use_tf32: "0",
  arena_extend_strategy: "kSameAsRequested",
  cudnn_conv_algo_search: "HEURISTIC",
};

/** The name of the GPU with a number; the first one has two. */
export function gpuName(index: number): "cuda" | `cuda:${number}` {
  return index === 0 ? "cuda" : `cuda:${index}`;
}

interface Cuda {
  /** Path or name of NVIDIA's driver. */
  readonly library: string;
  readonly driver: Deno.DynamicLibrary<typeof DRIVER_SYMBOLS>["symbols"];
  readonly count: number;
  readonly provider: string;
  readonly cudnn: boolean;
  readonly nvrtc: string;
  readonly solver: string;
}

/** What to say where cuDNN is missing. */
export const WITHOUT_CUDNN: string =
  "cuDNN (libcudnn.so.9) is not found: convolutions, pooling, the largest of a row and products run as " +
  "other kernels, which take longer. Install cuDNN 9 for this version of CUDA (pip install " +
  "nvidia-cudnn-cu13), and put its folder on LD_LIBRARY_PATH";

let state: Cuda | { readonly why: string } | undefined;

function load(): Cuda | { readonly why: string } {
  const parts = findCuda(ort().path.replace(/[\\/][^\\/]*$/, ""));
  if (parts.missing.length > 0) return { why: `${parts.missing.join(". ")}.` };
  const driver = openPinned(parts.driver!, DRIVER_SYMBOLS).symbols;
  const code = driver.cuInit(0), number = new Int32Array(1);
  if (code !== 0 || driver.cuDeviceGetCount(number) !== 0 || number[0] === 0) {
    return { why: `NVIDIA's driver finds no usable GPU (code ${code}); see nvidia-smi.` };
  }
  const count = number[0];
  driver.cuDriverGetVersion(number);
  const why = tooOld(parts, number[0]);
  const { cudnn, nvrtc, solver } = parts;
  return why === null
    ? { library: parts.driver!, driver, count, provider: parts.provider!, cudnn, nvrtc, solver }
    : { why };
}

/** What is wrong with a driver that serves older versions of CUDA than the provider wants. */
function tooOld({ major }: CudaParts, version: number): string | null {
  if (major === undefined || version >= major * MAJOR) return null;
  const serves = `${Math.floor(version / MAJOR)}.${Math.floor(version % MAJOR / 10)}`;
  return `NVIDIA's driver serves CUDA up to ${serves}, and ONNX Runtime's provider is built for ` +
    `CUDA ${major}: update the driver.`;
}

function open(index: number): OpenDevice {
  const cuda = state ??= load();
  if ("why" in cuda) throw new BackendError(`Device "cuda" is not available. ${cuda.why}`);
  if (index >= cuda.count) {
    throw new BackendError(
      `Device "cuda:${index}" does not exist: this machine has ${cuda.count} CUDA device(s), ` +
        `"cuda:0" to "cuda:${cuda.count - 1}"`,
    );
  }
  registerProvider("torchopt_cuda", `${cuda.provider}/${PROVIDER}`);
  startKernels(index, cuda.nvrtc, cuda.solver);
  const given = givenOptions(Deno.env.get("TORCHOPT_CUDA_OPTIONS") ?? "");
  const others = given.user_compute_stream;
  const queue = new CudaStream(cuda.library, index, others === undefined ? others : BigInt(others));
  const appendProvider = providerWith({
    ...PROVIDER_OPTIONS,
    ...given,
    // Without the first, the provider forgets the second.
    has_user_compute_stream: "1",
    user_compute_stream: String(queue.address),
    device_id: String(index),
  });
  const label = `cuda:${index}`;
  const opened = openOrtMemory({ name: "Cuda", index, label, appendProvider, queue });
  const fill = randomFiller(index);
  const fillRandom: typeof fill = (...numbers) => {
    // The memory may be in use by runs that were begun before it was freed.
    queue.wait();
    return fill(...numbers);
  };
  Object.assign(opened.memory, { fillRandom });
  return {
    label: nameOf(cuda.driver, index),
    ...opened,
    appendProvider,
    // Nobody knows whether a stream from elsewhere waits for those that ONNX Runtime copies in.
    withoutWait: others === undefined ? withoutWait() : undefined,
    wait: () => queue.wait(),
  };
}

/** Options of runs at whose end nobody waits. */
function withoutWait(): Deno.PointerValue {
  const { fn } = ort();
  const options = outPointer((out) => check(fn.CreateRunOptions(out), "making run options"));
  const name = cString("disable_synchronize_execution_providers");
  check(fn.AddRunConfigEntry(options, name, cString("1")), "setting run options");
  return options;
}

/** Options of a text such as `"use_tf32=1,gpu_mem_limit=4000000000"`. */
function givenOptions(text: string): Record<string, string> {
  const entries = text.split(",").filter((entry) => entry.trim() !== "").map((entry) => {
    const [, key, value] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(entry) ?? [];
    const wrong = key === "device_id" || key === "has_user_compute_stream" ||
      key === "user_compute_stream" && !/^(\d+|0x[\da-f]+)$/i.test(value ?? "");
    if (value !== undefined && !wrong) return [key, value];
    throw new RangeError(
      `TORCHOPT_CUDA_OPTIONS holds "${entry}", wants options of ONNX Runtime's CUDA provider such ` +
        `as "use_tf32=1,gpu_mem_limit=4000000000"; the device is chosen by "cuda:<index>", and a ` +
        `stream by its address, "user_compute_stream=0x5581a0".`,
    );
  });
  return Object.fromEntries(entries);
}

/** Adds the provider with these options to those of a session. */
function providerWith(options: Record<string, string>): (to: Deno.PointerValue) => void {
  const keys = cStringArray(Object.keys(options)), values = cStringArray(Object.values(options));
  return (to) => {
    const { fn } = ort();
    const cuda = outPointer((out) =>
      check(fn.CreateCUDAProviderOptions(out), "creating CUDA options")
    );
    try {
      check(
        fn.UpdateCUDAProviderOptions(cuda, keys.array, values.array, keys.count),
        "setting CUDA options",
      );
      check(
        fn.SessionOptionsAppendExecutionProvider_CUDA_V2(to, cuda),
        "loading ONNX Runtime's CUDA provider",
      );
    } finally {
      fn.ReleaseCUDAProviderOptions(cuda);
    }
  };
}

/** A C array of C strings; it has to stay reachable while native code uses the array. */
function cStringArray(
  texts: string[],
): { texts: Uint8Array[]; array: BigUint64Array<ArrayBuffer>; count: bigint } {
  const strings = texts.map(cString);
  const array = BigUint64Array.from(strings, (text) => BigInt(bufferAddress(text)));
  return { texts: strings, array, count: BigInt(strings.length) };
}

/** What `devices()` says of every such device. */
const NOTE = "not run on a GPU so far, only over a fake one: docs/cuda.md";

/** The devices; where there is none, one entry that says why. Loads ONNX Runtime and the driver. */
function find(): readonly Found[] {
  const cuda = state ??= load(), note = NOTE;
  if ("why" in cuda) {
    return [{ device: "cuda", available: false, name: "CUDA", why: cuda.why, note }];
  }
  return Array.from({ length: cuda.count }, (_, index) => ({
    device: `cuda:${index}`,
    available: true,
    name: nameOf(cuda.driver, index),
    note: cuda.cudnn ? note : `${note}. ${WITHOUT_CUDNN}.`,
  }));
}

function nameOf(driver: Cuda["driver"], index: number): string {
  const name = new Uint8Array(256), code = driver.cuDeviceGetName(name, name.length, index);
  if (code !== 0) throw new BackendError(`CUDA device ${index}: it has no name (code ${code})`);
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

/** What only cuDNN computes, and sums over dimensions in the middle. */
const OF_CUDNN: ReadonlySet<string> = new Set([
  "ArgMax",
  "ArgMin",
  "Conv",
  "ConvTranspose",
  "ReduceMax",
  "ReduceMin",
  "ReduceProd",
]);

/** What counts in float32, which rounds whole numbers beyond 2 ** 24. */
const COUNTS_IN_FLOAT: ReadonlySet<string> = new Set([
  "ArgMax",
  "ArgMin",
  "ReduceMax",
  "ReduceMin",
  "ReduceProd",
  "ReduceSum",
]);

/** Kernels that take the place of cuDNN's, which are faster. */
const INSTEAD_OF_CUDNN: ReadonlySet<string> = new Set([
  "torchopt.Columns",
  "torchopt.FoldColumns",
]);

/** Whether cuDNN is there; without a GPU that is assumed. */
const hasCudnn = () => state === undefined || "why" in state || state.cudnn;

const isWhole = (dtype: DType) => dtype === "int64" || dtype === "int32" || dtype === "uint8";

class CudaTarget implements Target {
  readonly kind = "cuda";
  readonly offsets = true;
  readonly substitutes = false;
  readonly branches = false;
  readonly scattersSafely = true;
  readonly #ops: boolean;

  constructor(ops: boolean) {
    this.#ops = ops;
  }

  get sumsAnywhere(): boolean {
    return hasCudnn();
  }

  has(op: string, dtype: DType): boolean {
    if (isCompiled(op)) {
      if (!this.#ops || dtype !== "float32" && dtype !== "float64") return false;
      return !(INSTEAD_OF_CUDNN.has(op) && hasCudnn()) && hasKernel(op);
    }
    if (OF_CUDNN.has(op) && !hasCudnn()) return false;
    // There are no matrix products of whole numbers.
    if ((op === "MatMul" || COUNTS_IN_FLOAT.has(op)) && isWhole(dtype)) return false;
    return hasOperator(op, dtype);
  }
}

const targets = [new CudaTarget(false), new CudaTarget(true)];

/** GPUs of NVIDIA. */
export const cuda: Driver = {
  kind: "cuda",
  names: "cuda, cuda:<index>",
  indexOf(name) {
    if (name === "cuda") return 0;
    const index = /^cuda:(\d{1,3})$/.exec(name)?.[1];
    return index === undefined ? -1 : Number(index);
  },
  find,
  open,
  onHost: false,
  synchronous: false,
  rebindsInputs: true,
  refusesHostNodes: false,
  compiledOps: true,
  whyNoKernels,
  generator: cudaGenerator(() => targets[1]),
  target: (ops) => targets[Number(ops)],
};
