/**
 * NVIDIA's GPUs: their memory, and the execution provider of ONNX Runtime for CUDA.
 *
 * @module
 */

import { check, ort } from "../api.ts";
import { BlockPool } from "../block_pool.ts";
import type { DType } from "../dtype.ts";
import { findCuda, preloadDependencies } from "./cuda_find.ts";
import type { DeviceMemory, Driver, Found, OpenDevice } from "./driver.ts";
import { hasOperator, isCompiled, type Target } from "./target.ts";
import { BackendError } from "../errors.ts";
import { bufferAddress, cString, outPointer, pointerTo, readCString } from "../ffi.ts";
import { openPinned } from "../pin.ts";

const RUNTIME_SYMBOLS = {
  cudaGetErrorString: { parameters: ["i32"], result: "pointer" },
  cudaGetDeviceCount: { parameters: ["buffer"], result: "i32" },
  cudaSetDevice: { parameters: ["i32"], result: "i32" },
  cudaMalloc: { parameters: ["buffer", "usize"], result: "i32" },
  cudaFree: { parameters: ["pointer"], result: "i32" },
  cudaMemcpy: { parameters: ["pointer", "pointer", "usize", "i32"], result: "i32" },
} as const;

const DRIVER_SYMBOLS = {
  cuInit: { parameters: ["u32"], result: "i32" },
  cuDeviceGetName: { parameters: ["buffer", "i32", "i32"], result: "i32" },
} as const;

const HOST_TO_DEVICE = 1;
const DEVICE_TO_HOST = 2;
const DEVICE_ALLOCATOR = 0;
const DEFAULT_MEMORY = 0;
const MAX_POOLED_BYTES = 2 ** 30;

/** Options of the provider. TF32 off: float32 means float32, as on the CPU. */
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
  readonly runtime: Deno.DynamicLibrary<typeof RUNTIME_SYMBOLS>["symbols"];
  readonly driver: Deno.DynamicLibrary<typeof DRIVER_SYMBOLS>["symbols"];
  readonly count: number;
}

let state: Cuda | { readonly why: string } | undefined;

function load(): Cuda | { readonly why: string } {
  const parts = findCuda(ort().path.replace(/[\\/][^\\/]*$/, ""));
  if (parts.missing.length > 0) return { why: `${parts.missing.join(". ")}.` };
  preloadDependencies(parts.provider!);
  const driver = openPinned(parts.driver!, DRIVER_SYMBOLS).symbols;
  const runtime = openPinned(parts.runtime!, RUNTIME_SYMBOLS).symbols;
  const count = new Int32Array(1);
  const code = driver.cuInit(0) || runtime.cudaGetDeviceCount(count);
  if (code !== 0 || count[0] === 0) {
    return { why: `NVIDIA's driver finds no usable GPU (code ${code}); see nvidia-smi.` };
  }
  return { runtime, driver, count: count[0] };
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
  const { runtime, driver } = cuda;
  const must = (code: number, what: string) => {
    if (code === 0) return;
    const text = readCString(runtime.cudaGetErrorString(code));
    throw new BackendError(`CUDA device ${index}: ${what} failed: ${text} (code ${code})`);
  };
  const copy = (to: number, from: number, bytes: number, kind: number) => {
    must(runtime.cudaSetDevice(index), "selecting the device");
    const status = runtime.cudaMemcpy(pointerTo(to), pointerTo(from), BigInt(bytes), kind);
    must(status, `copying ${bytes} bytes`);
  };
  const options = { device_id: String(index), ...PROVIDER_OPTIONS };
  const keys = cStringArray(Object.keys(options));
  const values = cStringArray(Object.values(options));
  const pool = new BlockPool<number>(MAX_POOLED_BYTES, (address) => {
    must(runtime.cudaSetDevice(index), "selecting the device");
    must(runtime.cudaFree(pointerTo(address)), "freeing memory");
  });
  const allocate = (bytes: number): number => {
    must(runtime.cudaSetDevice(index), "selecting the device");
    const out = new BigUint64Array(1);
    // Memory that only the pool holds must not make an allocation fail.
    if (runtime.cudaMalloc(out, BigInt(bytes)) !== 0) {
      pool.clear();
      must(runtime.cudaMalloc(out, BigInt(bytes)), `allocating ${bytes} bytes`);
    }
    return Number(out[0]);
  };
  const memory: DeviceMemory = {
    allocate: (bytes) => pool.take(bytes) ?? allocate(bytes),
    free: (address, bytes) => pool.give(bytes, address),
    read(address, into) {
      if (into.length === 0) return;
      copy(bufferAddress(into), address, into.length, DEVICE_TO_HOST);
    },
    write(address, from) {
      if (from.length === 0) return;
      copy(address, bufferAddress(from), from.length, HOST_TO_DEVICE);
    },
  };
  return {
    label: nameOf(driver, index),
    info: outPointer((out) =>
      check(
        ort().fn.CreateMemoryInfo(cString("Cuda"), DEVICE_ALLOCATOR, index, DEFAULT_MEMORY, out),
        "describing CUDA memory",
      )
    ),
    memory,
    appendProvider(options) {
      const { fn } = ort();
      const cudaOptions = outPointer((out) =>
        check(fn.CreateCUDAProviderOptions(out), "creating CUDA options")
      );
      try {
        check(
          fn.UpdateCUDAProviderOptions(cudaOptions, keys.array, values.array, keys.count),
          "setting CUDA options",
        );
        check(
          fn.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cudaOptions),
          "loading ONNX Runtime's CUDA provider",
        );
      } finally {
        fn.ReleaseCUDAProviderOptions(cudaOptions);
      }
    },
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

/** The devices; where there is none, one entry that says why. Loads ONNX Runtime and the driver. */
function find(): readonly Found[] {
  const cuda = state ??= load();
  if ("why" in cuda) return [{ device: "cuda", available: false, name: "CUDA", why: cuda.why }];
  return Array.from({ length: cuda.count }, (_, index) => ({
    device: `cuda:${index}`,
    available: true,
    name: nameOf(cuda.driver, index),
  }));
}

function nameOf(driver: Cuda["driver"], index: number): string {
  const name = new Uint8Array(256), code = driver.cuDeviceGetName(name, name.length, index);
  if (code !== 0) throw new BackendError(`CUDA device ${index}: it has no name (code ${code})`);
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

/** There are no compiled kernels for it yet, and no matrix products of whole numbers. */
const target: Target = {
  has(op, dtype: DType) {
    if (op === "MatMul" && (dtype === "int64" || dtype === "int32")) return false;
    return !isCompiled(op) && hasOperator(op, dtype);
  },
  branches: false,
  scattersSafely: true,
};

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
  synchronous: true,
  rebindsInputs: true,
  compiledOps: false,
  target: () => target,
};
