/**
 * Trees of values: parameters, states and batches as nested arrays, objects and `Map`s.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./arithmetic.ts";
export * from "./flatten.ts";
export * from "./map.ts";
export * from "./match.ts";
export * from "./registry.ts";
export * from "./treedef.ts";
export * from "./types.ts";
