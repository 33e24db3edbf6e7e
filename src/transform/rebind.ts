/**
 * Updating tensors in place, all or none: what an update rebinds takes effect at its end, so that a
 * call that fails has changed nothing.
 *
 * @module
 */

import { type Node, withGrad } from "../graph/node.ts";
import { holdUpdate } from "../tensor/pending.ts";
import type { Tensor } from "../tensor/tensor.ts";

interface Rebinding {
  readonly handle: Tensor;
  readonly node: Node;
  readonly overwrite: boolean;
}

let open: Rebinding[] | null = null;

/** Runs `fn`; the tensors that it rebinds take their new values when the outermost call is over. */
export function together<T>(fn: () => T): T {
  if (open !== null) return fn();
  const list: Rebinding[] = open = [];
  try {
    const result = fn();
    withGrad(false, () => list.forEach(apply));
    return result;
  } finally {
    open = null;
  }
}

function apply({ handle, node, overwrite }: Rebinding): void {
  const before = handle.node;
  handle.assign("update", node);
  holdUpdate(handle, before, overwrite);
}

/**
 * Lets a tensor stand for a new value once `together` is over. The old memory may be reused, unless
 * other tensors share it (`overwrite` false).
 */
export function rebind(handle: Tensor, node: Node, overwrite = true): void {
  open!.push({ handle, node, overwrite });
}
