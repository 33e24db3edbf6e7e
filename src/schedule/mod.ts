/**
 * Schedules: numbers that depend on the step, such as learning rates.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./cosine.ts";
export * from "./exponential.ts";
export * from "./linear.ts";
export * from "./polynomial.ts";
export * from "./step_schedule.ts";
