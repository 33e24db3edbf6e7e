/**
 * Types that appear in the signatures of tensors.
 *
 * @module
 */

export type { GeluApproximation } from "./activation.ts";
export type { NestedArray, TensorCore } from "./core.ts";
export type { ArithmeticMethods, NanToNumOptions, RoundingMode } from "./methods_arithmetic.ts";
export type { ConversionMethods } from "./methods_conversion.ts";
export type { ElementwiseMethods } from "./methods_elementwise.ts";
export type { IndexMethods } from "./methods_index.ts";
export type { LinearMethods } from "./methods_linear.ts";
export type { CloseOptions, LogicMethods } from "./methods_logic.ts";
export type { MovementMethods, PadOptions, SliceSpec } from "./methods_movement.ts";
export type {
  Dims,
  ReduceOptions,
  ReductionMethods,
  ValuesAndIndices,
  VarianceOptions,
} from "./methods_reduction.ts";
export type { Sizes } from "./operands.ts";
export type { SavedTensor, TensorJson } from "./saved.ts";
export type { PadMode } from "./rearrange.ts";
