/**
 * Gradient transformations: the parts that optimizers are chained from.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./add_decayed_weights.ts";
export * from "./masked.ts";
export * from "./nan_to_num.ts";
export * from "./scale.ts";
export * from "./scale_by_accelerated_adam.ts";
export * from "./scale_by_adadelta.ts";
export * from "./scale_by_adam.ts";
export * from "./scale_by_adamax.ts";
export * from "./scale_by_radam.ts";
export * from "./scale_by_rms.ts";
export * from "./scale_by_rss.ts";
export * from "./scale_by_schedule.ts";
export * from "./scale_by_stddev.ts";
export * from "./trace.ts";
