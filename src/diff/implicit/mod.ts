/**
 * Implicit differentiation.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./approximations.ts";
export * from "./custom_fixed_point.ts";
export * from "./custom_root.ts";
export * from "./types.ts";
