/**
 * The last steps of making a tensor.
 *
 * @module
 */

import { type Device, type DType, DTYPES, Storage, type TypedArray } from "../runtime/mod.ts";
import { defaultDevice } from "../graph/defaults.ts";
import { DTypeError, GradientError } from "../graph/errors.ts";
import { bufferNode } from "../graph/leaf.ts";
import { isDType, isFloat, type Node } from "../graph/node.ts";
import type { Shape } from "../graph/shape.ts";
import { wrap } from "./core.ts";
import { checkBoolean } from "./describe.ts";
import { leafOf } from "./leaf.ts";
import { checkTensor } from "./promotion.ts";
import type { Tensor } from "./tensor.ts";
import { transfer } from "./transfer.ts";

/** Options of functions that make tensors. */
export interface TensorOptions {
  /** Element type. */
  dtype?: DType;
  /** Where the value lives (default: the default device). */
  device?: Device;
  /** Record operations on the tensor for differentiation (default false). */
  requiresGrad?: boolean;
}

const NAMES = ["dtype", "device", "requiresGrad"];

/**
 * Throws unless options are an object (what else stands in their place is lost) with a known dtype and
 * no names but those of `TensorOptions` and `own`: programs run without a check of their types.
 */
export function checkOptions(
  op: string,
  options: TensorOptions,
  own: readonly string[] = [],
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(
      `${op}: the options are ${
        String(options)
      }, wants an object such as { dtype: "float64" }; a ` +
        "shape or nested data is one array.",
    );
  }
  for (const name in options) {
    if (NAMES.includes(name) || own.includes(name)) continue;
    throw new TypeError(
      `${op}: there is no option ${name}; the options are ${[...NAMES, ...own].join(", ")}.`,
    );
  }
  const { dtype, requiresGrad } = options;
  if (requiresGrad !== undefined) checkBoolean(`${op}: requiresGrad`, requiresGrad);
  if (dtype === undefined || isDType(dtype)) return;
  throw new DTypeError(
    `${op}: there is no dtype ${dtype}, wants ${Object.keys(DTYPES).join(", ")}.`,
  );
}

/** A finished node as a tensor; one that requires a gradient becomes a leaf. The options are checked. */
export function finish(op: string, node: Node, options: TensorOptions): Tensor {
  const { device, requiresGrad = false } = options;
  if (device !== undefined && device !== defaultDevice()) node = transfer(node, device);
  if (!requiresGrad) return wrap(node);
  if (!isFloat(node.dtype)) {
    throw new GradientError(
      `${op}: got requiresGrad with ${node.dtype}; only floating-point tensors have gradients. ` +
        `Give dtype: "float32", or leave requiresGrad out.`,
    );
  }
  return wrap(leafOf(node, { grad: null }));
}

/** A tensor over an array that nobody else holds. The options are checked. */
export function fromOwned(
  op: string,
  data: TypedArray,
  shape: Shape,
  dtype: DType,
  options: TensorOptions,
): Tensor {
  const storage = Storage.from(data, dtype, options.device ?? defaultDevice());
  return finish(op, bufferNode(storage, shape), { requiresGrad: options.requiresGrad });
}

/** Options that repeat those of a tensor, where not given. A TypeError names `op` if it is none. */
export function optionsLike<T extends TensorOptions>(op: string, like: Tensor, options: T): T {
  checkTensor(op, "the tensor to be like", like);
  return { dtype: like.dtype, device: like.device, ...options };
}
