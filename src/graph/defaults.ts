/**
 * Defaults of new tensors.
 *
 * @module
 */

import { type Device, type DType, HOST, Storage } from "../runtime/mod.ts";
import { DTypeError } from "./errors.ts";

let dtype: DType = "float32";
let device: Device = HOST;

/**
 * Element type of new floating-point tensors.
 *
 * @example
 * ```ts
 * import { defaultDtype } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(defaultDtype(), "float32");
 * ```
 */
export function defaultDtype(): DType {
  return dtype;
}

/**
 * Sets the element type of new floating-point tensors.
 *
 * @param to `"float32"` (at the start), `"float64"` or `"float16"`
 * @throws {DTypeError} where it is another one
 *
 * @example
 * ```ts
 * import { setDefaultDtype, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * setDefaultDtype("float64");
 * assertEquals(tensor(1).dtype, "float64");
 * setDefaultDtype("float32");
 * ```
 */
export function setDefaultDtype(to: DType): void {
  if (to !== "float32" && to !== "float64" && to !== "float16") {
    throw new DTypeError(`setDefaultDtype: got ${to}, wants float32, float64 or float16.`);
  }
  dtype = to;
}

/**
 * Device of new tensors.
 *
 * @example
 * ```ts
 * import { defaultDevice, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tensor(1).device, defaultDevice());
 * ```
 */
export function defaultDevice(): Device {
  return device;
}

/**
 * Sets the device of new tensors.
 *
 * @param to `"cpu"` (at the start), `"cuda"` or `"cuda:1"`
 * @throws {RangeError} where the text names no device
 * @throws {BackendError} where the device is missing, with what to install
 *
 * @example
 * ```ts
 * import { setDefaultDevice, zeros } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * setDefaultDevice("cpu");
 * assertEquals(zeros([2]).device, "cpu");
 * ```
 */
export function setDefaultDevice(to: Device): void {
  Storage.alloc("uint8", 0, to); // throws, and says what is missing, where there is no such device
  device = to;
}
