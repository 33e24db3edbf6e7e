/**
 * Tensors that a transformation keeps for each parameter.
 *
 * @module
 */

import type { TensorTree } from "../base.ts";
import { DTypeError } from "../graph/errors.ts";
import { constantNode } from "../graph/leaf.ts";
import { isFloat } from "../graph/node.ts";
import { formatPath, treeMap, treeMapWithPath } from "../pytree/mod.ts";
import { expand } from "../primitives/movement.ts";
import { fromTyped, newArray, TensorCore, wrap } from "../tensor/core.ts";
import { leafOf } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { describe } from "./options.ts";

/** Throws unless all leaves are floating-point tensors. */
export function checkParams(op: string, params: TensorTree): void {
  treeMapWithPath((path, leaf: unknown) => {
    if (!(leaf instanceof TensorCore)) {
      throw new TypeError(
        `${op}: the parameter at ${formatPath(path)} is ${describe(leaf)}, wants a tensor.`,
      );
    }
    if (!isFloat(leaf.dtype)) {
      throw new DTypeError(
        `${op}: the parameter at ${formatPath(path)} is ${leaf.dtype}, wants floating point; ` +
          `convert it first, as in x.to("float32").`,
      );
    }
    return null;
  }, params as TensorTree);
}

/** A tree of tensors like the parameters, filled with a number. */
export function filledLike(params: TensorTree, value: number, requiresGrad: boolean): TensorTree {
  return treeMap((param: Tensor) => filled(param, value, requiresGrad), params);
}

function filled(param: Tensor, value: number, requiresGrad: boolean): Tensor {
  const { shape, dtype } = param;
  if (currentTrace() !== null) {
    const node = expand(constantNode(value, dtype), shape);
    return wrap(leafOf(node, requiresGrad ? { grad: null } : null));
  }
  // Memory from the start, so that the first step is the same graph as all others.
  const data = newArray(dtype, param.size) as Float32Array;
  if (value !== 0) data.fill(value);
  const moment = fromTyped(data, shape, dtype, param.device);
  return requiresGrad ? moment.requiresGrad_() : moment;
}
