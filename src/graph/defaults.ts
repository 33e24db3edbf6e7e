/**
 * Defaults of new tensors.
 *
 * @module
 */

import { type Device, type DType, Storage } from "../runtime/mod.ts";
import { DTypeError } from "./errors.ts";

let dtype: DType = "float32";
let device: Device = "cpu";

/** Element type of new floating-point tensors. */
export function defaultDtype(): DType {
  return dtype;
}

/** Sets the element type of new floating-point tensors. */
export function setDefaultDtype(to: DType): void {
  if (to !== "float32" && to !== "float64" && to !== "float16") {
    throw new DTypeError(`setDefaultDtype: got ${to}, wants float32, float64 or float16.`);
  }
  dtype = to;
}

/** Device of new tensors. */
export function defaultDevice(): Device {
  return device;
}

/** Sets the device of new tensors; throws a BackendError where that device is missing. */
export function setDefaultDevice(to: Device): void {
  Storage.alloc("uint8", 0, to); // throws, and says what is missing, where there is no such device
  device = to;
}
