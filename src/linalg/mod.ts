/**
 * Linear algebra.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./dense/mod.ts";
export * from "./iterative/mod.ts";
