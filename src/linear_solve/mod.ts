/**
 * Solvers of linear systems that are given as functions on trees.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./solve_cg.ts";
export * from "./solve_normal_cg.ts";
export { solveInv, type SolveInvOptions } from "./solve_inv.ts";
export { type InformativeSolver, type LinearSolver, type Matvec } from "./solver.ts";
