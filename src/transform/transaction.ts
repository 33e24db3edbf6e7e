/**
 * Updating tensors in place, all or none: what is assigned takes effect at the end, so that a
 * call that fails has changed nothing.
 *
 * @module
 */

import { type Node, withGrad } from "../graph/node.ts";
import { holdUpdate } from "../tensor/pending.ts";
import type { Tensor } from "../tensor/tensor.ts";

interface Assignment {
  readonly handle: Tensor;
  readonly node: Node;
  readonly overwrite: boolean;
}

interface Transaction {
  /** New values, in order: a tensor that is assigned to again gets the last. */
  readonly assigned: Assignment[];
  /** Whatever else is to be done. */
  readonly rest: (() => void)[];
}

let open: Transaction | null = null;

/** Runs `fn`; the tensors that it assigns to take their new values when the outermost call is over. */
export function transaction<T>(fn: () => T): T {
  if (open !== null) return fn();
  const { assigned, rest } = open = { assigned: [], rest: [] } as Transaction;
  try {
    const result = fn();
    withGrad(false, () => {
      for (const { handle, node, overwrite } of assigned) {
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
 * Lets a tensor stand for a new value once the transaction is over. The old memory may be reused, unless
 * other tensors share it (`overwrite` false).
 */
export function assign(handle: Tensor, node: Node, overwrite = true): void {
  open!.assigned.push({ handle, node, overwrite });
}

/** Does something that cannot fail once the transaction is over. */
export function onCommit(action: () => void): void {
  open!.rest.push(action);
}
