/**
 * Methods of tensors: what is recorded for derivatives, and hooks on gradients.
 *
 * @module
 */

import { GradientError } from "../../graph/errors.ts";
import type { Node } from "../../graph/node.ts";
import { recordOf } from "../../graph/record.ts";
import { detach } from "../../primitives/movement.ts";
import { type GradientHook, placeOf, viewAt, wrap } from "../core.ts";
import { cutOff } from "../lie.ts";
import { holdCopy } from "../pending.ts";
import { switchRecording } from "../recording.ts";
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
   * Switches recording for this tensor on or off, in place; `x.requiresGrad = flag` does the same. Only
   * leaf tensors can be switched off (use `detach()` on others).
   *
   * @throws {GradientError} a result of recorded operations that is to be switched off; a tensor of
   * whole numbers that is to be switched on
   */
  requiresGrad_(flag = true): this {
    switchRecording("requiresGrad_", this, flag);
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
