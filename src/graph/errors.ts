/**
 * Errors of the graph layer. Each message names the operation, what it got, what it wants, and the
 * way out.
 *
 * @module
 */

/** Shapes that an operation cannot combine. */
export class ShapeError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "ShapeError";
}

/** An element type that an operation does not accept. */
export class DTypeError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "DTypeError";
}

/** A derivative that does not exist or cannot be taken as asked. */
export class GradientError extends Error {
  /** The class name, as it appears in stack traces. */
  override readonly name = "GradientError";
}
