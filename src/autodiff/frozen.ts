/**
 * Functions that keep seeing their surroundings as they were.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace, type Handle, type Trace, withTrace } from "../tensor/trace.ts";
import { FunctionTrace } from "./function_trace.ts";

/** A handle that belongs to the trace around. */
function outside(node: Node, trace: Trace | null): Tensor {
  return withTrace(trace, () => wrap(node));
}

/** Tensors of the surroundings stay themselves, with the value they had when they were first read. */
class FrozenTrace extends FunctionTrace {
  readonly #home: Trace | null = currentTrace();
  readonly #saved = new WeakMap<Handle, Tensor>();

  protected override standFor(before: Node): Node {
    return before;
  }

  protected override before(handle: Handle): Node {
    // The node itself, also where a rule runs inside of a body that was recorded later: a stand-in there
    // would be another value than the one that derivatives are asked for.
    const { outer } = this, saved = this.#saved.get(handle);
    if (saved !== undefined) return saved.rawNode;
    const node = super.before(handle);
    // Inside of a loop's body, say, the node is a stand-in that only the body knows.
    if (outer === this.#home) this.#saved.set(handle, outside(node, outer));
    return node;
  }

  /** Seeing an earlier value changes nothing. */
  protected override backOf(handle: Handle, before: Node): Node {
    return this.#saved.has(handle) ? handle.rawNode : before;
  }
}

/**
 * `fn`, for which tensors of its surroundings keep the values that they have when it first reads them,
 * however late a derivative rule calls it again. What it changes in place is put back.
 */
export function frozen<A extends unknown[]>(
  operation: string,
  fn: (...args: A) => readonly Tensor[],
): (...args: A) => Tensor[] {
  const trace = new FrozenTrace(operation);
  // Handles that are made inside belong to the trace.
  return (...args) => trace.run(() => fn(...args).map((x) => x.node)).result.map(wrap);
}
