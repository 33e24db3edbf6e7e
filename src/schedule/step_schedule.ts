/**
 * Schedules for counts that are numbers or tensors.
 *
 * @module
 */

import type { Tensor } from "../tensor/tensor.ts";

/** A value for each count of steps: a number for a number, a 0-d tensor for a tensor. */
export interface StepSchedule {
  /** The value at a known count. */
  (count: number): number;
  /** The value as part of a graph, in float64 for whole counts. */
  (count: Tensor): Tensor;
}

/** A value for each count of steps that depends on tensors: always a tensor. */
export type TensorSchedule = (count: number | Tensor) => Tensor;
