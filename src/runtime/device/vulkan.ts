/**
 * The GPUs that Vulkan finds, which is what WebGPU goes through on Linux.
 *
 * @module
 */

import { readCString } from "../ffi.ts";
import { OS } from "../host.ts";
import { openPinned } from "../pin.ts";

const LOADER = "libvulkan.so.1";

const SYMBOLS = {
  vkCreateInstance: { parameters: ["buffer", "pointer", "buffer"], result: "i32" },
  vkEnumeratePhysicalDevices: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  vkGetPhysicalDeviceProperties: { parameters: ["pointer", "buffer"], result: "void" },
  vkDestroyInstance: { parameters: ["pointer", "pointer"], result: "void" },
} as const;

/** Bytes of `VkInstanceCreateInfo`, whose first word says what it is; and of the properties. */
const CREATE_INFO_BYTES = 64, CREATE_INFO = 1, PROPERTIES_BYTES = 1024;
/** Where the name begins in the properties. */
const NAME = 20;

/**
 * Names of the GPUs; why there are none, which is found out without the noise that WebGPU's own search
 * makes. Other systems have no need of Vulkan, and no name is known there.
 */
export function vulkanDevices(): { readonly names: string[] } | { readonly why: string } {
  if (OS !== "linux") return { names: [] };
  let vulkan: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  try {
    vulkan = openPinned(LOADER, SYMBOLS).symbols;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      return { why: "Looking for GPUs needs --allow-ffi." };
    }
    return { why: `Vulkan's loader (${LOADER}) does not load.` };
  }
  const info = new BigUint64Array(CREATE_INFO_BYTES / 8), out = new BigUint64Array(1);
  info[0] = BigInt(CREATE_INFO);
  const none = { why: "Vulkan finds no GPU, nor a driver that does without one." };
  if (vulkan.vkCreateInstance(info, null, out) !== 0) return none;
  const instance = Deno.UnsafePointer.create(out[0]);
  const count = new Uint32Array(1);
  vulkan.vkEnumeratePhysicalDevices(instance, count, null);
  const devices = new BigUint64Array(count[0]);
  vulkan.vkEnumeratePhysicalDevices(instance, count, devices);
  const names = [...devices].map((device) => {
    const properties = new Uint8Array(PROPERTIES_BYTES);
    vulkan.vkGetPhysicalDeviceProperties(Deno.UnsafePointer.create(device), properties);
    return readCString(Deno.UnsafePointer.of(properties.subarray(NAME)));
  });
  vulkan.vkDestroyInstance(instance, null);
  return names.length === 0 ? none : { names };
}
