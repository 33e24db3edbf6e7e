/**
 * Methods of tensors: element type, device, copies.
 *
 * @module
 */

import { type Device, type DType, DTYPES } from "../runtime/mod.ts";
import { cast } from "../primitives/elementwise.ts";
import { type Node, share } from "../graph/node.ts";
import { alias, aliasPrim, detachPrim } from "../primitives/movement.ts";
import { TensorCore, wrap } from "./core.ts";
import { ReductionMethods } from "./methods_reduction.ts";
import { checkTensor } from "./promotion.ts";
import { type TensorJson, toJson } from "./saved.ts";
import { holdCopy } from "./pending.ts";
import type { Tensor } from "./tensor.ts";
import { transfer } from "./transfer.ts";

/** Conversions. Gradients are converted back. */
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
    if (Object.hasOwn(DTYPES, target)) return wrap(cast(x, target as DType));
    if (!/^(cpu|cuda(:\d+)?)$/.test(target)) {
      const dtypes = Object.keys(DTYPES).join(", ");
      throw new RangeError(
        `to: "${target}" is neither a dtype (${dtypes}) nor a device (cpu, cuda, cuda:<index>).`,
      );
    }
    return wrap(transfer(x, target as Device));
  }

  /** In the dtype of `other`. */
  typeAs(other: Tensor): Tensor {
    checkTensor("typeAs", "the other", other);
    return wrap(cast(this.node, other.dtype));
  }

  /** As float32. */
  float(): Tensor {
    return wrap(cast(this.node, "float32"));
  }

  /** As float64. */
  double(): Tensor {
    return wrap(cast(this.node, "float64"));
  }

  /** As float16. */
  half(): Tensor {
    return wrap(cast(this.node, "float16"));
  }

  /** As int64, fractions cut off. */
  long(): Tensor {
    return wrap(cast(this.node, "int64"));
  }

  /** As int32, fractions cut off. */
  int(): Tensor {
    return wrap(cast(this.node, "int32"));
  }

  /** As bool: whether elements differ from 0. */
  bool(): Tensor {
    return wrap(cast(this.node, "bool"));
  }

  /** On the CPU. */
  cpu(): Tensor {
    return this.to("cpu");
  }

  /** On the current CUDA device, or the one given by number. */
  cuda(index = 0): Tensor {
    return this.to(index === 0 ? "cuda" : `cuda:${index}`);
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

  /** The tensor itself: elements always lie in row-major order. */
  contiguous(): Tensor {
    return wrap(share(this.node));
  }
}

/** Whether a value is, or will be, in memory that an update in place may write over. */
function isOverwritable(node: Node): boolean {
  let n = node;
  while (n.storage === null && !n.keep && (n.prim === aliasPrim || n.prim === detachPrim)) {
    n = n.inputs[0];
  }
  return n.storage !== null || n.keep;
}
