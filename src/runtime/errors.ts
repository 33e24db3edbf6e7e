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
  override readonly name: string = "BackendError";
}

/**
 * The memory of a device, or of the host, does not suffice. What was computed before stays as it is,
 * and the program may go on with less.
 *
 * @example
 * ```ts
 * import { BackendError, OutOfMemoryError } from "@torchopt/torchopt";
 * import { assert } from "@std/assert";
 *
 * assert(new OutOfMemoryError("memory: there is none") instanceof BackendError);
 * ```
 */
export class OutOfMemoryError extends BackendError {
  /** The class name, as it appears in stack traces. */
  override readonly name: string = "OutOfMemoryError";
}
