/**
 * The C API of ONNX Runtime: loads the library, checks its version and makes the functions of the
 * `OrtApi` table callable.
 *
 * @module
 */

import { besideProvider } from "./device/library.ts";
import { BackendError } from "./errors.ts";
import { pointerTo, readCString } from "./ffi.ts";
import { isWholeLibrary } from "./library_file.ts";
import { locateOrt, ORT_PACKAGE_VERSION } from "./locate.ts";
import { openPinned } from "./pin.ts";
import { withoutTelemetry } from "./telemetry.ts";

/** Version of the `OrtApi` table that the indices below belong to. */
export const ORT_API_VERSION = 30;

/**
 * Index, parameters and result of each function that is used. A result of `"pointer"` is an
 * `OrtStatus*` (null: success), except that of `GetErrorMessage`.
 */
const FUNCTIONS = {
  GetErrorMessage: [2, ["pointer"], "pointer"],
  CreateEnv: [3, ["i32", "buffer", "buffer"], "pointer"],
  DisableTelemetryEvents: [6, ["pointer"], "pointer"],
  CreateSessionFromArray: [8, ["pointer", "buffer", "usize", "pointer", "buffer"], "pointer"],
  CreateSessionOptions: [10, ["buffer"], "pointer"],
  DisableMemPattern: [17, ["pointer"], "pointer"],
  SetOptimizedModelFilePath: [11, ["pointer", "buffer"], "pointer"],
  SetSessionGraphOptimizationLevel: [23, ["pointer", "i32"], "pointer"],
  SetIntraOpNumThreads: [24, ["pointer", "i32"], "pointer"],
  CreateRunOptions: [39, ["buffer"], "pointer"],
  CreateTensorWithDataAsOrtValue: [
    49,
    ["pointer", "pointer", "usize", "buffer", "usize", "i32", "buffer"],
    "pointer",
  ],
  CreateMemoryInfo: [68, ["buffer", "i32", "i32", "i32", "buffer"], "pointer"],
  CreateCpuMemoryInfo: [69, ["i32", "i32", "buffer"], "pointer"],
  AllocatorAlloc: [75, ["pointer", "usize", "buffer"], "pointer"],
  AllocatorFree: [76, ["pointer", "pointer"], "pointer"],
  GetAllocatorWithDefaultOptions: [78, ["buffer"], "pointer"],
  ReleaseEnv: [92, ["pointer"], "void"],
  ReleaseStatus: [93, ["pointer"], "void"],
  ReleaseMemoryInfo: [94, ["pointer"], "void"],
  ReleaseSession: [95, ["pointer"], "void"],
  ReleaseValue: [96, ["pointer"], "void"],
  ReleaseSessionOptions: [100, ["pointer"], "void"],
  CreateEnvWithGlobalThreadPools: [119, ["i32", "buffer", "pointer", "buffer"], "pointer"],
  DisablePerSessionThreads: [120, ["pointer"], "pointer"],
  CreateThreadingOptions: [121, ["buffer"], "pointer"],
  ReleaseThreadingOptions: [122, ["pointer"], "void"],
  AddSessionConfigEntry: [130, ["pointer", "buffer", "buffer"], "pointer"],
  RunWithBinding: [133, ["pointer", "pointer", "pointer"], "pointer"],
  CreateIoBinding: [134, ["pointer", "buffer"], "pointer"],
  ReleaseIoBinding: [135, ["pointer"], "void"],
  BindInput: [136, ["pointer", "buffer", "pointer"], "pointer"],
  BindOutput: [137, ["pointer", "buffer", "pointer"], "pointer"],
  SetGlobalIntraOpNumThreads: [147, ["pointer", "i32"], "pointer"],
  SetGlobalInterOpNumThreads: [148, ["pointer", "i32"], "pointer"],
  AddRunConfigEntry: [165, ["pointer", "buffer", "buffer"], "pointer"],
  SetGlobalSpinControl: [149, ["pointer", "i32"], "pointer"],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, ["pointer", "pointer"], "pointer"],
  CreateCUDAProviderOptions: [205, ["buffer"], "pointer"],
  SessionOptionsAppendExecutionProvider: [
    216,
    ["pointer", "buffer", "buffer", "buffer", "usize"],
    "pointer",
  ],
  CreateAllocator: [131, ["pointer", "pointer", "buffer"], "pointer"],
  Session_GetEpGraphAssignmentInfo: [407, ["pointer", "buffer", "buffer"], "pointer"],
  EpAssignedSubgraph_GetEpName: [408, ["pointer", "buffer"], "pointer"],
  EpAssignedSubgraph_GetNodes: [409, ["pointer", "buffer", "buffer"], "pointer"],
  EpAssignedNode_GetName: [410, ["pointer", "buffer"], "pointer"],
  EpAssignedNode_GetOperatorType: [412, ["pointer", "buffer"], "pointer"],
  UpdateCUDAProviderOptions: [206, ["pointer", "buffer", "buffer", "usize"], "pointer"],
  ReleaseCUDAProviderOptions: [208, ["pointer"], "void"],
  RegisterExecutionProviderLibrary: [301, ["pointer", "buffer", "buffer"], "pointer"],
  CopyTensors: [386, ["pointer", "buffer", "buffer", "pointer", "usize"], "pointer"],
} as const satisfies Record<
  string,
  readonly [number, readonly Deno.NativeType[], Deno.NativeResultType]
>;

type Signatures = typeof FUNCTIONS;
type Call<N extends keyof Signatures> = Deno.UnsafeFnPointer<
  { parameters: Signatures[N][1]; result: Signatures[N][2] }
>["call"];

/** The functions of the `OrtApi` table, made callable on first use. */
export type OrtFunctions = { readonly [N in keyof Signatures]: Call<N> };

/** A loaded ONNX Runtime library. */
export interface Ort {
  /** The functions. */
  readonly fn: OrtFunctions;
  /** `OrtApiBase*`, which the compiled ops take. */
  readonly base: Deno.PointerObject;
  /** Address of the function with this name, for calls that do not block. */
  address(name: keyof Signatures): Deno.PointerObject;
  /** Version text of the library, for example `"1.30.0"`. */
  readonly version: string;
  /** Path of the library. */
  readonly path: string;
}

let loaded: Ort | undefined;

/**
 * The library, loaded on first use.
 *
 * @throws {BackendError} where it is missing, cannot be loaded or is of the wrong version
 */
export function ort(): Ort {
  return loaded ??= load(besideProvider(locateOrt()));
}

function load(path: string): Ort {
  let base: Deno.PointerValue;
  try {
    if (!isWholeLibrary(path)) throw new Error("the file is no library or cut short");
    const library = withoutTelemetry(() =>
      openPinned(path, { OrtGetApiBase: { parameters: [], result: "pointer" } })
    );
    base = library.symbols.OrtGetApiBase();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable || cause instanceof RangeError) throw cause;
    throw new BackendError(
      `ONNX Runtime at "${path}" cannot be loaded: ${(cause as Error).message}. ` +
        "Reinstall npm:onnxruntime-node, or set TORCHOPT_ORT_LIBRARY to another library.",
      { cause },
    );
  }
  if (base === null) throw new BackendError(`ONNX Runtime at "${path}" gives no API.`);
  const view = new Deno.UnsafePointerView(base);
  const getVersion = new Deno.UnsafeFnPointer(
    pointerTo(view.getBigUint64(8)) as Deno.PointerObject<never>,
    { parameters: [], result: "pointer" } as const,
  );
  const version = readCString(getVersion.call());
  const getApi = new Deno.UnsafeFnPointer(
    pointerTo(view.getBigUint64(0)) as Deno.PointerObject<never>,
    { parameters: ["u32"], result: "pointer" } as const,
  );
  const api = requireApi(path, version, (wanted) => getApi.call(wanted));
  const table = new Deno.UnsafePointerView(api);
  const address = (name: keyof Signatures) =>
    pointerTo(table.getBigUint64(FUNCTIONS[name][0] * 8)) as Deno.PointerObject;
  return { fn: lazyFunctions(address), base, address, version, path };
}

/**
 * Asks a library for the API table and refuses a library that is too old.
 *
 * @param path of the library, for the message
 * @param version what the library says of itself
 * @param getApi `OrtApiBase::GetApi`; null where the library does not know the version. It is asked
 * only where the version text is new enough, because an older library complains on the console.
 * @param apiVersion the table version to ask for
 * @throws {BackendError} naming the version found, the version wanted and the way out
 */
export function requireApi(
  path: string,
  version: string,
  getApi: (apiVersion: number) => Deno.PointerValue,
  apiVersion: number = ORT_API_VERSION,
): Deno.PointerObject {
  const [major, minor] = version.split(".").map(Number);
  const newEnough = major > 1 || (major === 1 && minor >= apiVersion);
  const api = newEnough ? getApi(apiVersion) : null;
  if (api !== null) return api;
  throw new BackendError(
    `ONNX Runtime at "${path}" is version ${version || "unknown"} and has no API ${apiVersion}; ` +
      `version 1.${apiVersion} or newer is wanted. Use npm:onnxruntime-node@` +
      `${ORT_PACKAGE_VERSION}, or set TORCHOPT_ORT_LIBRARY to a library of that version.`,
  );
}

function lazyFunctions(address: (name: keyof Signatures) => Deno.PointerObject): OrtFunctions {
  const functions = {};
  for (const name of Object.keys(FUNCTIONS) as (keyof Signatures)[]) {
    Object.defineProperty(functions, name, {
      configurable: true,
      get() {
        const [, parameters, result] = FUNCTIONS[name];
        const pointer = new Deno.UnsafeFnPointer(
          address(name) as Deno.PointerObject<never>,
          { parameters, result },
        );
        const value = pointer.call.bind(pointer);
        Object.defineProperty(functions, name, { value });
        return value;
      },
    });
  }
  return functions as OrtFunctions;
}

/**
 * Throws where a call returned a status.
 *
 * @param status what the call returned; null is success
 * @param what the attempt, for the message: "creating a session"
 * @throws {BackendError} with ONNX Runtime's own message; the status is released
 */
export function check(status: Deno.PointerValue, what: string): void {
  if (status !== null) throw new BackendError(`${what}: ${takeMessage(status)}`);
}

/** The message of a status, which is released. */
export function takeMessage(status: Deno.PointerValue): string {
  const { fn } = ort();
  const message = readCString(fn.GetErrorMessage(status));
  fn.ReleaseStatus(status);
  return message;
}
