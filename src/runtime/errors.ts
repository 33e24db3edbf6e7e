/**
 * Errors of the runtime layer.
 *
 * @module
 */

/**
 * Something below the graph is missing, of the wrong version, or was used after it was freed: ONNX
 * Runtime, a device, the compiled ops, a session, a storage.
 *
 * @example
 * ```ts
 * import { BackendError, devices, setDefaultDevice } from "@torchopt/torchopt";
 * import { assertThrows } from "@std/assert";
 *
 * const cuda = devices().some(({ device, available }) => device !== "cpu" && available);
 * if (!cuda) assertThrows(() => setDefaultDevice("cuda"), BackendError, "is not available");
 * ```
 */
export class BackendError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "BackendError";
}
