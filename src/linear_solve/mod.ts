/**
 * Solvers of linear systems that are given as functions on trees.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./auto.ts";
export * from "./solve_bicgstab.ts";
export * from "./solve_cg.ts";
export * from "./solve_cholesky.ts";
export * from "./solve_gmres.ts";
export * from "./solve_inv.ts";
export * from "./solve_lstsq.ts";
export * from "./solve_lu.ts";
export * from "./solve_minres.ts";
export * from "./solve_normal_cg.ts";
export * from "./solver.ts";
export * from "../linalg/iterative/solution.ts";
export * from "../linalg/iterative/types.ts";
