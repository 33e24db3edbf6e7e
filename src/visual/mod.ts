/**
 * Pictures of gradient graphs.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./dot.ts";
export * from "./make_dot.ts";
export * from "./names.ts";
export * from "./resize_graph.ts";
