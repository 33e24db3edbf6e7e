/**
 * Static arguments and shapes of convolutions.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import { type Shape, showShape } from "../graph/shape.ts";

/** Static arguments of a convolution; one number for each spatial dimension. */
export interface ConvAttrs {
  /** Step of the window. */
  readonly strides: Shape;
  /** Zeros before each dimension. */
  readonly low: Shape;
  /** Zeros after each dimension. */
  readonly high: Shape;
  /** Distance of the kernel's elements. */
  readonly dilations: Shape;
  /** Number of groups that channels are split into. */
  readonly groups: number;
}

/** Static arguments of `convInputGrad`. */
export interface ConvInputGradAttrs extends ConvAttrs {
  /** Shape of the convolution's input. */
  readonly inputShape: Shape;
}

/** Static arguments of `convWeightGrad`. */
export interface ConvWeightGradAttrs extends ConvAttrs {
  /** Shape of the convolution's weight. */
  readonly weightShape: Shape;
}

/** Extent of a dilated kernel. */
export function extent(size: number, dilation: number): number {
  return (size - 1) * dilation + 1;
}

/** Shape of a convolution's result. Throws a ShapeError that names `op`. */
export function convShape(op: string, x: Shape, w: Shape, attrs: ConvAttrs): number[] {
  const { strides, low, high, dilations, groups } = attrs;
  const rank = strides.length;
  const got = `got input ${showShape(x)} and weight ${showShape(w)}`;
  if (x.length !== rank + 2 || w.length !== rank + 2) {
    throw new ShapeError(
      `${op}: ${got}, wants input [N, C${", size".repeat(rank)}] and weight ` +
        `[O, C / groups${", size".repeat(rank)}]; unsqueeze(0) adds a missing batch dimension.`,
    );
  }
  if (x[1] !== w[1] * groups) {
    throw new ShapeError(
      `${op}: ${got} with ${groups} group(s): the weight wants ${w[1] * groups} input channels ` +
        `(its dimension 1 times groups), the input has ${x[1]}.`,
    );
  }
  if (w[0] % groups !== 0) {
    throw new ShapeError(
      `${op}: ${got}: ${w[0]} output channels cannot be split into ${groups} groups.`,
    );
  }
  const out = [x[0], w[0]];
  for (let i = 0; i < rank; i++) {
    const room = x[i + 2] + low[i] + high[i], reach = extent(w[i + 2], dilations[i]);
    if (w[i + 2] < 1 || reach > room) {
      throw new ShapeError(
        `${op}: ${got}: in spatial dimension ${i} the kernel spans ${reach} element(s) and the ` +
          `padded input has ${room}; add padding or use a smaller kernel or dilation.`,
      );
    }
    out.push(Math.floor((room - reach) / strides[i]) + 1);
  }
  return out;
}
