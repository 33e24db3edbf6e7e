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
  readonly node: Node;
  readonly overwrite: boolean;
}

interface Update {
  /** New values; a tensor that is rebound again gets the last. */
  readonly rebound: Map<Tensor, Rebinding>;
  /** Whatever else is to be done. */
  readonly rest: (() => void)[];
}

let open: Update | null = null;

/** Runs `fn`; the tensors that it rebinds take their new values when the outermost call is over. */
export function together<T>(fn: () => T): T {
  if (open !== null) return fn();
  const { rebound, rest } = open = { rebound: new Map(), rest: [] } as Update;
  try {
    const result = fn();
    withGrad(false, () => {
      for (const [handle, { node, overwrite }] of rebound) {
        const before = handle.node;
        handle.assign("update", node);
        holdUpdate(handle, before, overwrite);
      }
    });
    for (const action of rest) action();
    return result;
  } finally {
    open = null;
  }
}

/**
 * Lets a tensor stand for a new value once `together` is over. The old memory may be reused, unless
 * other tensors share it (`overwrite` false).
 */
export function rebind(handle: Tensor, node: Node, overwrite = true): void {
  open!.rebound.set(handle, { node, overwrite });
}

/** Does something that cannot fail once `together` is over. */
export function afterwards(action: () => void): void {
  open!.rest.push(action);
}
