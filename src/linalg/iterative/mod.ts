/**
 * Solvers of linear systems that need products with the matrix only.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./bicgstab.ts";
export * from "./cg.ts";
export * from "./gmres.ts";
export * from "./lsmr.ts";
export * from "./minres.ts";
export * from "./neumann.ts";
export * from "./solution.ts";
export * from "./types.ts";
