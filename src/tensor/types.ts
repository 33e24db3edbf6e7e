/**
 * Types that appear in the signatures of tensors.
 *
 * @module
 */

export type { GeluApproximation } from "./formulas/activation.ts";
export type { NestedArray, TensorCore } from "./core.ts";
export type { ArithmeticMethods, NanToNumOptions, RoundingMode } from "./methods/arithmetic.ts";
export type { ConversionMethods } from "./methods/conversion.ts";
export type { ElementwiseMethods } from "./methods/elementwise.ts";
export type { IndexMethods } from "./methods/index.ts";
export type { LinearMethods } from "./methods/linear.ts";
export type { CloseOptions, LogicMethods } from "./methods/logic.ts";
export type { ArrangementMethods, PadOptions } from "./methods/arrangement.ts";
export type { CuttingMethods, SliceSpec } from "./methods/cutting.ts";
export type { HistoryMethods } from "./methods/history.ts";
export type { MovementMethods } from "./methods/movement.ts";
export type { ReadingMethods } from "./methods/reading.ts";
export type {
  Dims,
  ReduceOptions,
  ReductionMethods,
  ValuesAndIndices,
  VarianceOptions,
} from "./methods/reduction.ts";
export type { Sizes } from "./methods/operands.ts";
export type { SavedTensor, TensorJson } from "./serialize.ts";
export type { PadMode } from "./formulas/rearrange.ts";
