/**
 * Recording the functions that loops and choices are made of.
 *
 * @module
 */

import { closeBody, type ClosedBody, type Surroundings } from "../graph/body.ts";
import { GradientError } from "../graph/errors.ts";
import { parameterNode } from "../graph/leaf.ts";
import { isGradEnabled, nextEpoch, type Node, withGrad } from "../graph/node.ts";
import { showShape } from "../graph/shape.ts";
import { wrap } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace, type Draw } from "../tensor/trace.ts";
import { FunctionTrace, type Recorded } from "./function_trace.ts";

/** Everything from outside has a stand-in, which becomes a parameter of the body. */
export class BodyTrace extends FunctionTrace implements Surroundings {
  /** Numbers that are drawn in each iteration: a parameter of the body, and the list for all of them. */
  readonly drawn: { readonly stand: Node; readonly all: Node }[] = [];
  readonly #length: number | null | undefined;
  /** Whether derivatives are recorded around: what is read within noGrad() first may be read again. */
  readonly #recorded = isGradEnabled();

  /** Drawing numbers inside needs the number of iterations; undefined where there are none. */
  constructor(operation: string, length?: number | null) {
    super(operation);
    this.#length = length;
  }

  protected override standFor(before: Node): Node {
    return withGrad(this.#recorded, () => parameterNode(before));
  }

  /** Rules of a copy of the body run here, too; what they read is noted once. */
  override run<T>(fn: () => T): Recorded<T> {
    return currentTrace() === this ? { result: fn(), reads: [], written: [] } : super.run(fn);
  }

  override drawLater(draw: Draw): Node {
    const length = this.#length;
    if (length === undefined) return super.drawLater(draw);
    if (length === null) {
      throw new TypeError(
        `${this.operation}: the body draws random numbers, and each iteration has its own; say how ` +
          `many there are at most, as in { maxIterations: 100 }.`,
      );
    }
    const all = super.drawLater((lead = []) => draw([...lead, length]));
    const stand = parameterNode({ shape: all.shape.slice(1), dtype: all.dtype }, all);
    this.drawn.push({ stand, all });
    return stand;
  }
}

/** A function that was recorded. */
export interface Traced<T> {
  /** What it returned besides the nodes. */
  readonly output: T;
  readonly closed: ClosedBody;
}

/**
 * Records a function of `params`, to which the numbers that it draws are added. It returns the nodes of
 * its results, and anything else.
 */
export function traceBody<T>(
  trace: BodyTrace,
  params: readonly Node[],
  fn: (params: readonly Tensor[]) => { readonly nodes: readonly Node[]; readonly output: T },
): Traced<T> {
  const since = nextEpoch();
  const { result: { nodes, output }, reads, written } = trace.run(() => fn(params.map(wrap)));
  for (const { handle } of written) {
    throw new GradientError(
      `${trace.operation}: a tensor of the surroundings, of shape ` +
        `${showShape(handle.rawNode.shape)}, is changed in place inside, which would happen once ` +
        `and not in each iteration. Take it into the carry, and return its new value.`,
    );
  }
  const outside = new Map(reads.map(({ stand, before }) => [stand, before]));
  const all = [...params, ...trace.drawn.map(({ stand }) => stand)];
  return { output, closed: closeBody(all, nodes, trace, outside, since) };
}
