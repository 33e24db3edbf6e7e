/**
 * Asking for the fused Adam operation.
 *
 * @module
 */

import { type Device, opsLibrary, targetOf } from "../runtime/mod.ts";
import { checkArray } from "./describe.ts";

/**
 * Whether the compiled kernel behind `useAcceleratedOp` is at hand. Without it the option works too:
 * the same formulas run as a graph of ordinary operations.
 *
 * @param devices devices to ask for (default: the CPU, the only one with a kernel)
 *
 * @example
 * ```ts
 * import { acceleratedOpAvailable, devices } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(acceleratedOpAvailable("cpu"), devices()[0].ops.loaded);
 * ```
 */
export function acceleratedOpAvailable(devices?: Device | readonly Device[]): boolean {
  const asked = devices === undefined ? [] : typeof devices === "string" ? [devices] : devices;
  checkArray("acceleratedOpAvailable", "devices", asked, "a device or an array of them");
  return opsLibrary().loaded &&
    asked.every((device) => targetOf(device).has("torchopt.FusedAdam", "float32"));
}
