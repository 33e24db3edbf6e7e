/**
 * Implicit differentiation.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./custom_fixed_point.ts";
export { customRoot, type CustomRootOptions } from "./custom_root.ts";
