/**
 * What this machine can run on.
 *
 * @module
 */

import { ort } from "./api.ts";
import { cudaAvailability, cudaDevice } from "./cuda.ts";
import type { Device } from "./device.ts";
import { type OpsLibrary, opsLibrary } from "./ops_library.ts";

/** A device, as {@linkcode devices} reports it. */
export interface DeviceInfo {
  /** What to pass as `device`. */
  readonly device: Device;
  /** Whether it can be used. */
  readonly available: boolean;
  /** The processor; the name of the GPU. */
  readonly name: string;
  /** Where it is not available: what is missing and how to install it. */
  readonly why?: string;
  /** Version and path of ONNX Runtime. */
  readonly onnxruntime: { readonly version: string; readonly path: string };
  /** State of the compiled ops. */
  readonly ops: OpsLibrary;
}

/**
 * The CPU and every CUDA device; where there is none, one entry `"cuda"` that says why.
 *
 * @throws {BackendError} where ONNX Runtime itself is missing
 *
 * @example
 * ```ts
 * import { devices } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const [cpu] = devices();
 * assertEquals(cpu.device, "cpu");
 * console.log(cpu.onnxruntime.version, cpu.ops.why);
 * ```
 */
export function devices(): DeviceInfo[] {
  const { version, path } = ort();
  const shared = { onnxruntime: { version, path }, ops: opsLibrary() };
  const threads = navigator.hardwareConcurrency;
  const cpu: DeviceInfo = {
    device: "cpu",
    available: true,
    name: `${Deno.build.arch}, ${threads} threads`,
    ...shared,
  };
  const { count, why } = cudaAvailability();
  if (count === 0) return [cpu, { device: "cuda", available: false, name: "CUDA", why, ...shared }];
  const gpus = Array.from({ length: count }, (_, index): DeviceInfo => ({
    device: `cuda:${index}`,
    available: true,
    name: cudaDevice(index).name,
    ...shared,
  }));
  return [cpu, ...gpus];
}
