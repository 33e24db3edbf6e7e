/**
 * ONNX Runtime through Deno FFI: sessions, storages, devices, the compiled ops.
 *
 * @module
 */

export { BackendError, OutOfMemoryError } from "./errors.ts";
export { type DType, type DTypeInfo, DTYPES, newArray, type TypedArray } from "./dtype.ts";
export {
  type Device,
  deviceNames,
  type DeviceUsage,
  driverOf,
  gpuName,
  HOST,
  isDevice,
  isOnHost,
  onlyHostInUse,
  sameDevice,
  targetOf,
  trimDevice,
} from "./device/mod.ts";
export type { PendingKernels, ProgramNode } from "./device/generated_kernels.ts";
export type { Target } from "./device/target.ts";
export { type DeviceInfo, devices } from "./devices.ts";
export { memory, type MemoryStats } from "./memory_stats.ts";
export { environment, poolSize, threadsNow } from "./env.ts";
export { type OpsLibrary, opsLibrary } from "./ops_library.ts";
export { fillRandom } from "./random_fill.ts";
export { noticeMissingOps } from "./ops_notice.ts";
export { buildOps, type BuildOptions, type BuildResult } from "./ops_build.ts";
export { RunMemory } from "./run_memory.ts";
export type { AssignedNode } from "./assignment.ts";
export { modelAsRun } from "./session_native.ts";
export { Session } from "./session.ts";
export { ORDERING, type SessionSpec, type ValueSpec } from "./session_spec.ts";
export { shutdown } from "./lifecycle.ts";
export { Storage } from "./storage.ts";
