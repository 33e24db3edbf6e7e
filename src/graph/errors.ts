/**
 * Errors of the graph layer. Each message names the operation, what it got, what it wants, and the
 * way out.
 *
 * @module
 */

export { BackendError } from "../runtime/mod.ts";

/**
 * Shapes that an operation cannot combine.
 *
 * @example
 * ```ts
 * import { ShapeError, zeros } from "@torchopt/torchopt";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => zeros([2]).add(zeros([3])), ShapeError, "do not broadcast");
 * ```
 */
export class ShapeError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "ShapeError";
}

/**
 * An element type that an operation does not accept.
 *
 * @example
 * ```ts
 * import { DTypeError, rand } from "@torchopt/torchopt";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => rand([2], { dtype: "int64" }), DTypeError, "wants floating point");
 * ```
 */
export class DTypeError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "DTypeError";
}

/**
 * A derivative that does not exist or cannot be taken as asked.
 *
 * @example
 * ```ts
 * import { autograd, GradientError, zeros } from "@torchopt/torchopt";
 * import { assertThrows } from "@std/assert";
 *
 * const x = zeros([2]); // made without requiresGrad
 * assertThrows(() => autograd.grad(x.sum(), [x]), GradientError);
 * ```
 */
export class GradientError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "GradientError";
}
