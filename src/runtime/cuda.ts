/**
 * CUDA as one more device: its memory, and the execution provider of ONNX Runtime.
 *
 * @module
 */

import { check, ort } from "./api.ts";
import { BlockPool } from "./block_pool.ts";
import { findCuda, preloadDependencies } from "./cuda_find.ts";
import { BackendError } from "./errors.ts";
import { bufferAddress, cString, outPointer, pointerTo, readCString } from "./ffi.ts";
import { openPinned } from "./pin.ts";

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

/** One CUDA device. */
export interface CudaDevice {
  /** `OrtMemoryInfo*` of the device's memory. */
  readonly memory: Deno.PointerValue;
  /** Name of the GPU. */
  readonly name: string;
  /** Allocates device memory; contents are undefined. */
  allocate(bytes: number): number;
  /** Frees device memory of this size. No run may be using it. */
  free(address: number, bytes: number): void;
  /** Copies device memory to the host. */
  read(address: number, into: Uint8Array): void;
  /** Copies host memory to the device. */
  write(address: number, from: Uint8Array): void;
  /** Makes sessions with these options run on the device. */
  appendProvider(options: Deno.PointerValue): void;
}

interface Cuda {
  readonly runtime: Deno.DynamicLibrary<typeof RUNTIME_SYMBOLS>["symbols"];
  readonly driver: Deno.DynamicLibrary<typeof DRIVER_SYMBOLS>["symbols"];
  readonly count: number;
}

let state: Cuda | { readonly why: string } | undefined;
const opened = new Map<number, CudaDevice>();

/** Number of CUDA devices, and why there are none. Loads ONNX Runtime and NVIDIA's driver. */
export function cudaAvailability(): { readonly count: number; readonly why: string } {
  const found = state ??= load();
  return "why" in found ? { count: 0, why: found.why } : { count: found.count, why: "" };
}

/**
 * The device with this index.
 *
 * @throws {BackendError} where CUDA is not available, saying what is missing and how to install it, or
 * where there are fewer devices
 */
export function cudaDevice(index: number): CudaDevice {
  let device = opened.get(index);
  if (!device) opened.set(index, device = open(index));
  return device;
}

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

function open(index: number): CudaDevice {
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
  const name = new Uint8Array(256);
  must(driver.cuDeviceGetName(name, name.length, index), "reading the name");
  return {
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    memory: outPointer((out) =>
      check(
        ort().fn.CreateMemoryInfo(cString("Cuda"), DEVICE_ALLOCATOR, index, DEFAULT_MEMORY, out),
        "describing CUDA memory",
      )
    ),
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
