/**
 * Gradient transformations: the parts that optimizers are chained from.
 *
 * @module
 */

export { scaleByAdam, type ScaleByAdamOptions, type ScaleByAdamState } from "./scale_by_adam.ts";
export { scaleByAcceleratedAdam } from "./scale_by_accelerated_adam.ts";
export {
  scaleByAdamax,
  type ScaleByAdamaxOptions,
  type ScaleByAdamaxState,
} from "./scale_by_adamax.ts";
export {
  scaleByRadam,
  type ScaleByRadamOptions,
  type ScaleByRadamState,
} from "./scale_by_radam.ts";
export {
  scaleByAdadelta,
  type ScaleByAdadeltaOptions,
  type ScaleByAdadeltaState,
} from "./scale_by_adadelta.ts";
export { scaleByRss, type ScaleByRssOptions, type ScaleByRssState } from "./scale_by_rss.ts";
export { scaleByRms, type ScaleByRmsOptions, type ScaleByRmsState } from "./scale_by_rms.ts";
export { scaleByStddev, type ScaleByStddevState } from "./scale_by_stddev.ts";
export { trace, type TraceOptions, type TraceState } from "./trace.ts";
export { scale } from "./scale.ts";
export { scaleBySchedule, type ScaleByScheduleState } from "./scale_by_schedule.ts";
export { addDecayedWeights, type AddDecayedWeightsOptions } from "./add_decayed_weights.ts";
export { type Mask, masked, type MaskedState, type MaskTree } from "./masked.ts";
export { nanToNum, type NanToNumTransformOptions } from "./nan_to_num.ts";
