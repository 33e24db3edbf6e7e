/**
 * Running a function to see the graph it builds, and putting its surroundings back afterwards.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { follows, wholesOf } from "../tensor/views.ts";
import { currentTrace, type Draw, type Handle, Trace, withTrace } from "../tensor/trace.ts";

/** What stands for a node inside of a function that is recorded, and the node. */
export interface Read {
  /** The node outside. */
  readonly before: Node;
  /** The node inside. */
  readonly stand: Node;
}

/** A tensor from the surroundings. */
export interface HandleRead extends Read {
  /** The tensor. */
  readonly handle: Handle;
  /** What its handle says outside. */
  readonly traceId: number;
  /** The node that its handle gets back. */
  readonly back: Node;
}

/** A tensor from outside that the function changed in place. */
export interface Written {
  /** The tensor. */
  readonly handle: Handle;
  /** What it stands for at the end of the function. */
  readonly node: Node;
}

/** What a run of a function under a trace shows. */
export interface Recorded<T> {
  /** What the function returned. */
  readonly result: T;
  /** Tensors of the surroundings that it read. */
  readonly reads: readonly HandleRead[];
  /** Those that it changed in place; they are as before again. */
  readonly written: readonly Written[];
}

/** A trace inside of another trace or of none. */
export abstract class FunctionTrace extends Trace {
  #reads: HandleRead[] = [];
  override readonly accumulates = false;
  /** The trace around this one. */
  protected outer: Trace | null = null;

  /** `operation` is what messages call it. */
  constructor(operation: string) {
    super(() => {}, operation);
  }

  /** What stands inside for a tensor of the surroundings. */
  protected abstract standFor(before: Node): Node;

  /** The node of a tensor of the surroundings, outside. */
  protected before(handle: Handle): Node {
    const { outer } = this;
    return this.outside(handle, () => outer === null ? handle.rawNode : outer.read(handle));
  }

  /** The node that a tensor gets back afterwards. */
  protected backOf(_handle: Handle, before: Node): Node {
    return before;
  }

  override get compiling(): Trace | null {
    return this.outer?.compiling ?? null;
  }

  /** The node of a handle; one from outside is noted at first sight. */
  override read(handle: Handle): Node {
    if (handle.traceId !== this.id) {
      const before = this.before(handle), back = this.backOf(handle, before);
      const stand = this.standFor(before), { traceId } = handle;
      this.#reads.push({ handle, before, stand, traceId, back });
      this.stand(handle, stand);
    }
    return handle.rawNode;
  }

  /** Random numbers drawn once, now or by the trace around. */
  override drawLater(draw: Draw): Node {
    return this.outer === null ? draw() : this.outer.drawLater(draw);
  }

  /** Runs `fn` under this trace; tensors from outside are as before afterwards. */
  run<T>(fn: () => T): Recorded<T> {
    const around = { reads: this.#reads, outer: this.outer, bases: this.bases };
    const reads: HandleRead[] = this.#reads = [];
    this.outer = currentTrace();
    this.bases = new Map();
    try {
      const [result, changed] = withTrace(this, () => {
        const result = fn();
        const now = reads.map(({ handle, stand }) => ({ handle, stand, node: handle.rawNode }));
        return [result, now.filter(({ node, stand }) => node !== stand)];
      });
      // Views follow what they were taken from.
      const wholes = wholesOf(changed.map(({ handle }) => handle));
      return { result, reads, written: changed.filter(({ handle }) => !follows(handle, wholes)) };
    } finally {
      this.restoreBases();
      for (const { handle, back, traceId } of reads) {
        handle.rawNode = back;
        handle.traceId = traceId;
      }
      this.#reads = around.reads;
      this.outer = around.outer;
      this.bases = around.bases;
    }
  }
}
