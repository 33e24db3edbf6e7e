/**
 * Solvers of linear systems that are given as functions on trees.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./solve_cg.ts";
export * from "./solve_inv.ts";
export * from "./solve_normal_cg.ts";
export * from "./solver.ts";
