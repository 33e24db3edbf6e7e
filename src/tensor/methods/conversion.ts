/**
 * Methods of tensors: element type, device, copies.
 *
 * @module
 */

import {
  type Device,
  deviceNames,
  type DType,
  DTYPES,
  gpuName,
  HOST,
  isDevice,
} from "../../runtime/mod.ts";
import { cast } from "../../primitives/elementwise.ts";
import { isDType, type Node } from "../../graph/node.ts";
import { alias, aliasPrim, detachPrim } from "../../primitives/movement.ts";
import { TensorCore, wrap } from "../core.ts";
import { isContiguous } from "../lie.ts";
import { ReductionMethods } from "./reduction.ts";
import { checkTensor } from "../promotion.ts";
import { type TensorJson, toJson } from "../serialize.ts";
import { holdCopy } from "../pending.ts";
import type { Tensor } from "../tensor.ts";
import { transfer } from "../transfer.ts";

/**
 * Conversions. Gradients are converted back.
 *
 * @example
 * ```ts
 * import { ones, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([0, 2]);
 * assertEquals(x.long().dtype, "int64");
 * assertEquals(x.int().dtype, "int32");
 * assertEquals(x.half().dtype, "float16");
 * assertEquals(x.double().float().dtype, "float32");
 * assertEquals(x.bool().toArray(), [false, true]);
 * assertEquals(x.typeAs(ones([1], { dtype: "float64" })).dtype, "float64");
 * assertEquals(x.cpu().device, "cpu"); // cuda() where there is one
 * assertEquals(JSON.stringify(x), JSON.stringify(x.toJSON()));
 * ```
 */
export abstract class ConversionMethods extends ReductionMethods {
  /**
   * Converted to a dtype, or copied to a device; with a tensor, to its dtype and device. Copying
   * computes the value at once; gradients are copied back. Inside `compile()` the arguments decide
   * the device.
   */
  to(target: DType | Device | Tensor): Tensor {
    if (target instanceof TensorCore) {
      const like = target as Tensor;
      return this.to(like.dtype).to(like.device);
    }
    const x = this.node;
    if (isDType(target)) return converted(this, target);
    if (!isDevice(target)) {
      const dtypes = Object.keys(DTYPES).join(", ");
      throw new RangeError(
        `to: "${target}" is neither a dtype (${dtypes}) nor a device (${deviceNames()}).`,
      );
    }
    const moved = transfer(x, target);
    return moved === x ? self(this) : wrap(moved);
  }

  /** In the dtype of `other`. */
  typeAs(other: Tensor): Tensor {
    checkTensor("typeAs", "the other", other);
    return converted(this, other.dtype);
  }

  /** As float32. */
  float(): Tensor {
    return converted(this, "float32");
  }

  /** As float64. */
  double(): Tensor {
    return converted(this, "float64");
  }

  /** As float16. */
  half(): Tensor {
    return converted(this, "float16");
  }

  /** As int64, fractions cut off. */
  long(): Tensor {
    return converted(this, "int64");
  }

  /** As int32, fractions cut off. */
  int(): Tensor {
    return converted(this, "int32");
  }

  /** As bool: whether elements differ from 0. */
  bool(): Tensor {
    return converted(this, "bool");
  }

  /** On the CPU. */
  cpu(): Tensor {
    return this.to(HOST);
  }

  /** On the current CUDA device, or the one given by number. */
  cuda(index = 0): Tensor {
    return this.to(gpuName(index));
  }

  /**
   * Shape, dtype and elements for `JSON.stringify`. Computes the value if need be. `loadStateDict()`
   * of modules and optimizers takes what comes back from `JSON.parse`.
   *
   * @example
   * ```ts
   * import { nn } from "@torchopt/torchopt";
   * import { assertEquals } from "@std/assert";
   *
   * const net = new nn.Linear(2, 1), other = new nn.Linear(2, 1);
   * other.loadStateDict(JSON.parse(JSON.stringify(net.stateDict())));
   * assertEquals(other.weight.toArray(), net.weight.toArray());
   * ```
   */
  toJSON(): TensorJson {
    return toJson({ shape: this.shape, dtype: this.dtype, data: this.data() });
  }

  /**
   * A tensor of its own with the same value, which it keeps when this one is updated in place;
   * gradients pass through.
   */
  clone(): Tensor {
    const copy = wrap(alias(this.node));
    if (isOverwritable(this.node)) holdCopy(copy);
    return copy;
  }

  /** The tensor itself, or a copy of a view that does not have its elements one after another. */
  contiguous(): Tensor {
    return isContiguous(this.place?.lie ?? null) ? self(this) : this.clone();
  }
}

/** Every core object is a full tensor. */
function self(x: TensorCore): Tensor {
  return x as unknown as Tensor;
}

function converted(x: TensorCore, dtype: DType): Tensor {
  return x.dtype === dtype ? self(x) : wrap(cast(x.node, dtype));
}

/** Whether a value is, or will be, in memory that an update in place may write over. */
function isOverwritable(node: Node): boolean {
  let n = node;
  while (n.storage === null && !n.keep && (n.prim === aliasPrim || n.prim === detachPrim)) {
    n = n.inputs[0];
  }
  return n.storage !== null || n.keep;
}
