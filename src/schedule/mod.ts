/**
 * Schedules: numbers that depend on the step, such as learning rates.
 *
 * @module
 */

export type { StepSchedule, TensorSchedule } from "./step_schedule.ts";
export { linearSchedule } from "./linear.ts";
export { polynomialSchedule } from "./polynomial.ts";
export { exponentialDecay, type ExponentialDecayOptions } from "./exponential.ts";
