/**
 * Methods of tensors: what is recorded for derivatives, and hooks on gradients.
 *
 * @module
 */

import { GradientError } from "../../graph/errors.ts";
import { isLeafNode } from "../../graph/leaf.ts";
import { isFloat, type Node } from "../../graph/node.ts";
import { recordOf } from "../../graph/record.ts";
import { detach } from "../../primitives/movement.ts";
import { type GradientHook, placeOf, viewAt, wrap } from "../core.ts";
import { leafOf } from "../leaf.ts";
import { cutOff } from "../lie.ts";
import { holdCopy } from "../pending.ts";
import type { Tensor } from "../tensor.ts";
import { Place } from "../views.ts";
import { checkFunction } from "../describe.ts";
import { ReadingMethods } from "./reading.ts";

/**
 * What concerns the history of a tensor.
 *
 * @example
 * ```ts
 * import { tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([1, 2], { requiresGrad: true }), y = x.mul(3);
 * y.retainGrad(); // results keep no gradient otherwise
 * y.square().sum().backward();
 * assertEquals(y.grad!.toArray(), [6, 12]);
 * assertEquals(y.detach_().isLeaf, true);
 * ```
 */
export abstract class HistoryMethods extends ReadingMethods {
  /**
   * The same value without its history; gradients stop here. It is a view: changed in place, it gives
   * this tensor another value under the history it has. `detach().clone()` keeps the present value.
   */
  detach(): Tensor {
    const node = this.node;
    const copy = viewAt(this, detach(node), cutOff(placeOf(this).lie, node));
    // What a step goes on from, such as a hidden state, is cut off from its history first.
    if (node.requiresGrad && node.storage === null) holdCopy(copy);
    return copy;
  }

  /** Forgets this tensor's own history, in place. */
  detach_(): this {
    const node = this.node;
    if (!node.requiresGrad) return this;
    this.adopt(detach(node));
    if (this.place !== null) this.place = new Place(this.place.base, cutOff(this.place.lie, node));
    return this;
  }

  /**
   * Switches recording for this tensor on or off, in place. Only leaf tensors can be switched off
   * (use `detach()` on others).
   */
  requiresGrad_(flag = true): this {
    const node = this.node;
    if (flag && !isFloat(node.dtype)) {
      throw new GradientError(
        `requiresGrad_: got ${node.dtype}; only floating-point tensors have gradients. ` +
          `Convert it first, as in x.to("float32").`,
      );
    }
    if (node.requiresGrad === flag) {
      if (flag && node.box === null && isLeafNode(node)) node.box = { grad: null };
      return this;
    }
    if (!flag && !isLeafNode(node)) {
      throw new GradientError(
        "requiresGrad_: a tensor with a history cannot be switched off; use detach().",
      );
    }
    const box = node.box ?? (flag ? { grad: null } : null);
    if (box !== null) box.frozen = !flag;
    this.adopt(leafOf(node, box, flag, node.hooks));
    return this;
  }

  /** Keeps the gradient of a tensor that is not a leaf: `backward()` will fill `grad`. */
  retainGrad(): this {
    const node = this.node;
    if (!node.requiresGrad) {
      throw new GradientError(
        "retainGrad: the tensor does not require a gradient; call requiresGrad_() on its sources.",
      );
    }
    node.box ??= { grad: null };
    return this;
  }

  /**
   * Calls `fn` with the complete gradient of this tensor whenever one is computed; what it returns
   * replaces the gradient. Returns an object whose `remove()` takes the hook away.
   */
  registerHook(fn: GradientHook): { remove(): void } {
    checkFunction("registerHook", fn, "the hook");
    const node = this.node;
    if (!node.requiresGrad) {
      throw new GradientError(
        "registerHook: the tensor does not require a gradient; call requiresGrad_() first.",
      );
    }
    const hook = (g: Node): Node | void => {
      const result = fn(wrap(g));
      return result === undefined ? undefined : result.node;
    };
    if (node.hooks === null) recordOf(node).hooks = node.hooks = [];
    node.hooks.push(hook);
    return {
      remove() {
        const at = node.hooks!.indexOf(hook);
        if (at >= 0) node.hooks!.splice(at, 1);
      },
    };
  }
}
