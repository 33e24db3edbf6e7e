/**
 * Changes in place inside of `func.vmap`.
 *
 * @module
 */

import { GradientError, ShapeError } from "../graph/errors.ts";
import { isLeafNode } from "../graph/leaf.ts";
import { isGradEnabled, type Node, withGrad } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { expand, permute } from "../primitives/movement.ts";
import { holdUpdate } from "../tensor/pending.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { isShared, type Placed } from "../tensor/views.ts";
import { type BatchCopy, isBatched } from "../primitives/batching.ts";
import type { HandleRead, Recorded } from "./function_trace.ts";

/** A tensor of which each call of the function sees one example. */
export interface Mapped {
  /** The batch. */
  readonly tensor: Tensor;
  /** Which dimension counts the examples, from the front. */
  readonly axis: number;
  /** The handle of the function. */
  readonly inside: Tensor;
}

/** The permutation that brings dimension `from` of `rank` to place `to`. */
function moving(rank: number, from: number, to: number): number[] {
  const perm = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== from);
  perm.splice(to, 0, from);
  return perm;
}

/** Dimension `from` moved to place `to`. */
export function move(x: Node, from: number, to: number): Node {
  return from === to ? x : permute(x, moving(x.shape.length, from, to));
}

/** A change in place that takes effect outside of the function. */
export interface Update {
  readonly tensor: Tensor;
  readonly value: Node;
}

/** What the function changed in place, for all examples. */
export function updatesOf(
  { reads, written }: Pick<Recorded<unknown>, "reads" | "written">,
  mapped: readonly Mapped[],
  copy: BatchCopy,
  size: number,
): Update[] {
  return written.map(({ handle, node }): Update => {
    const value = copy.of(node), batched = isBatched(node, value);
    const own = mapped.find((m) => m.inside === handle);
    if (own !== undefined) {
      checkApart(own, mapped, reads);
      if (isGradEnabled() && own.tensor.requiresGrad && own.tensor.isLeaf) refuseLeaf(own.tensor);
      const all = batched ? value : expand(value, [size, ...value.shape]);
      return { tensor: own.tensor, value: move(all, 0, own.axis) };
    }
    const tensor = handle as Tensor;
    if (!batched) return { tensor, value };
    throw new ShapeError(
      `vmap: a tensor of shape ${showShape(tensor.shape)} that all examples share is changed in ` +
        `place to values that differ by example, which it has no room for. Give it a dimension of ` +
        `examples and pass it as an argument, with its number in inAxes.`,
    );
  });
}

function refuseLeaf({ shape }: Tensor): never {
  throw new GradientError(
    `vmap: an argument of shape ${
      showShape(shape)
    }, a leaf that requires a gradient, is changed in ` +
      `place, and gradients would not reach it. Wrap the whole call in noGrad(() => ...).`,
  );
}

/** Throws where the function sees what it changes at another place as well, as it was before. */
function checkApart(
  { tensor, inside }: Mapped,
  mapped: readonly Mapped[],
  reads: readonly HandleRead[],
): void {
  const same = (other: Placed) => other === tensor || isShared(other, tensor);
  const seen = mapped.some((m) => m.inside !== inside && same(m.tensor)) ||
    reads.some(({ handle }) => same(handle));
  if (!seen) return;
  throw new TypeError(
    `vmap: an argument of shape ${showShape(tensor.shape)} is changed in place, and the function ` +
      `also gets it, or a view of it, as another argument or from outside. Give it a clone() there.`,
  );
}

/** Lets a change take effect. */
export function write({ tensor, value }: Update): void {
  const before = tensor.node;
  if (before.requiresGrad && isLeafNode(before)) {
    // Inside, it was changed without trace; a leaf stays one.
    withGrad(false, () => tensor.assign("vmap", value));
  } else tensor.setNode(value);
  const { rawNode } = tensor;
  if (rawNode.storage === null && currentTrace() === null) rawNode.keep = true;
  holdUpdate(tensor, before);
}
