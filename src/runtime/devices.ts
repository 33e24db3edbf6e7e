/**
 * What this machine can run on.
 *
 * @module
 */

import { ort } from "./api.ts";
import { type Device, findDevices } from "./device/mod.ts";
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
  /** What to know of it before it is used: how far it was tried, and what it does without. */
  readonly note?: string;
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
  return findDevices().map((found) => ({ ...found, ...shared } as DeviceInfo));
}
