/**
 * WebGPU, through the execution provider that ONNX Runtime's npm package has on every system: Vulkan,
 * Metal or Direct3D below. Experimental: float32, and what the provider has kernels for.
 *
 * @module
 */

import { check, ort } from "../api.ts";
import type { TypedArray } from "../dtype.ts";
import { BackendError } from "../errors.ts";
import { cString } from "../ffi.ts";
import { OS } from "../host.ts";
import type { Driver, Found, OpenDevice } from "./driver.ts";
import { openOrtMemory } from "./ort_memory.ts";
import { vulkanDevices } from "./vulkan.ts";
import { webgpuTarget } from "./webgpu_target.ts";

/** Copies are of whole words. */
const WORD = 4;

/** Part of the provider's message where there is no GPU that it can use. */
const NO_ADAPTER = "Failed to get a WebGPU adapter";

const INSTALL = OS === "linux"
  ? "Install the Vulkan driver of your GPU, not older than Mesa 23 (vulkaninfo shows what is there); " +
    "on a machine without a GPU, scripts/setup_lavapipe.ts of this library's sources fetches one " +
    "that computes on the CPU"
  : "Update the driver of your GPU";

/**
 * Whole numbers of 64 bits, as far as they fit into 32. And the layout of the graph as it is: where ONNX
 * Runtime turns it into the other, it leaves transpositions to the host.
 */
const OPTIONS = { enableInt64: "1", preferredLayout: "NCHW" };

/** Makes sessions run on WebGPU. */
function appendProvider(options: Deno.PointerValue): void {
  const { fn } = ort(), none = new BigUint64Array(1);
  for (const [name, value] of Object.entries(OPTIONS)) {
    const key = cString(`ep.webgpuexecutionprovider.${name}`);
    check(fn.AddSessionConfigEntry(options, key, cString(value)), "setting WebGPU options");
  }
  check(
    fn.SessionOptionsAppendExecutionProvider(options, cString("WebGPU"), none, none, 0n),
    "loading ONNX Runtime's WebGPU provider",
  );
}

/** Whole numbers beyond 32 bits would lose their upper half in the first computation. */
function refuses(array: TypedArray): string | null {
  if (!(array instanceof BigInt64Array)) return null;
  const at = array.findIndex((value) => value !== BigInt.asIntN(32, value));
  if (at < 0) return null;
  return `Device "webgpu" computes whole numbers with 32 bits, and element ${at} is ${
    array[at]
  }: ` +
    "keep such tensors on the host.";
}

let opened: { readonly device: OpenDevice } | { readonly why: string } | undefined;

function tryToOpen(): { readonly device: OpenDevice } | { readonly why: string } {
  const adapters = vulkanDevices();
  if ("why" in adapters) return { why: `${adapters.why} ${INSTALL}.` };
  try {
    const options = { name: "WebGPU_Buf", index: 0, label: "webgpu", granularity: WORD };
    const memory = openOrtMemory({ ...options, appendProvider });
    const label = adapters.names.join(", ") || "WebGPU";
    return { device: { label, ...memory, refuses, appendProvider } };
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    const none = error.message.includes(NO_ADAPTER);
    const why = none ? "ONNX Runtime's WebGPU provider finds no GPU it can use." : error.message;
    return { why: `${why} ${INSTALL}.` };
  }
}

function open(): OpenDevice {
  opened ??= tryToOpen();
  if ("why" in opened) throw new BackendError(`Device "webgpu" is not available. ${opened.why}`);
  return opened.device;
}

function find(): readonly Found[] {
  opened ??= tryToOpen();
  if ("why" in opened) {
    return [{ device: "webgpu", available: false, name: "WebGPU", why: opened.why }];
  }
  return [{ device: "webgpu", available: true, name: `${opened.device.label} (experimental)` }];
}

const target = webgpuTarget(appendProvider);

/** The GPU that WebGPU chooses. */
export const webgpu: Driver = {
  kind: "webgpu",
  names: "webgpu",
  indexOf: (name) => name === "webgpu" ? 0 : -1,
  find,
  open,
  onHost: false,
  synchronous: true,
  rebindsInputs: true,
  refusesHostNodes: true,
  compiledOps: false,
  target: () => target,
};
