/**
 * Solvers of linear systems that need products with the matrix only.
 *
 * @module
 */

export * from "./cg.ts";
export * from "./neumann.ts";
export type { LinearOperator } from "./operator.ts";
export type { IterativeOptions } from "./options.ts";
export { Solution, type SolutionTensors, type Status, STATUSES } from "./solution.ts";
