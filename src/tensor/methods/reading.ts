/**
 * Methods of tensors: reading values.
 *
 * @module
 */

import type { Storage, TypedArray } from "../../runtime/mod.ts";
import { ShapeError } from "../../graph/errors.ts";
import { realizeNodes, realizeNodesAsync } from "../../run/execute.ts";
import { showShape } from "../../graph/shape.ts";
import { checkFresh } from "../../lower/walk.ts";
import { type NestedArray, TensorCore } from "../core.ts";
import { forbidInTrace } from "../trace.ts";
import { inspect, oneLine, peek } from "../inspect.ts";
import { nest } from "../nested.ts";

/**
 * What gives numbers: in a number, an array or a text. Whatever is not known yet is computed.
 *
 * @example
 * ```ts
 * import { tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[1, 2]]);
 * assertEquals(x.toArray(), [[1, 2]]);
 * assertEquals(x.data(), new Float32Array([1, 2]));
 * assertEquals(x.sum().item(), 3);
 * ```
 */
export abstract class ReadingMethods extends TensorCore {
  /**
   * The only element, as a number. Computes it if need be. An int64 beyond 2 ** 53 is rounded to the
   * nearest number of JavaScript; `data()[0]` has it as it is.
   */
  item(): number {
    if (this.size !== 1) {
      throw new ShapeError(
        `item: wants a tensor of one element, got shape ${showShape(this.shape)}; ` +
          `reduce it first (sum(), mean()) or read data().`,
      );
    }
    return Number(valueOf(this, "item()").first());
  }

  /**
   * All elements in row-major order. Computes them if need be. The array is the tensor's own
   * memory: treat it as read-only, and copy it (`slice()`) to keep it over an in-place update.
   */
  data(): TypedArray {
    const storage = valueOf(this, "data()");
    storage.handedOut = true;
    return storage.host();
  }

  /** Like `data()`, computed off the event loop. */
  async dataAsync(): Promise<TypedArray> {
    forbidInTrace("dataAsync()");
    const { node } = this;
    if (node.storage === null) await realizeNodesAsync([node]);
    checkFresh(node);
    node.storage!.handedOut = true;
    return node.storage!.host();
  }

  /**
   * The elements as nested arrays; a plain number (or boolean) for a scalar. Elements of int64 beyond
   * 2 ** 53 are rounded to the nearest number of JavaScript; `data()` has them as they are.
   */
  toArray(): NestedArray {
    return nest(this.data(), this.shape, this.dtype);
  }

  /** A short description: shape, dtype, and the values where they are known and few. */
  override toString(): string {
    const head = `Tensor ${showShape(this.shape)} ${this.dtype}`;
    if (this.rawNode.storage === null || this.size > 100) return head;
    const data = peek(this);
    if (typeof data === "string") return `${head} (${data})`;
    return `${head} ${oneLine(data, this.shape, this.dtype)}`;
  }

  /**
   * The text in a template. JavaScript's operators ask for a number, which a tensor is not: `x + 1`
   * would else join texts, and `loss < best` would always be false.
   *
   * @throws {TypeError} in an operator
   */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new TypeError(
      "JavaScript's operators do not work on tensors: use methods such as x.add(y) and x.lt(y), or " +
        "read the number with item().",
    );
  }

  /**
   * What `console.log` shows: shape, dtype and values, of many the first and last ones. Values that
   * were not read yet are computed for it, without a trace in the graph.
   */
  [Symbol.for("Deno.customInspect")](_inspect?: unknown, settings?: unknown): string {
    const { indentationLvl = 0 } = (settings ?? {}) as { indentationLvl?: number };
    return inspect(this).replaceAll("\n", `\n${" ".repeat(indentationLvl)}`);
  }

  /** The same in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return inspect(this);
  }
}

/** The memory of the value, which is computed if need be. */
export function valueOf(x: TensorCore, op: string): Storage {
  forbidInTrace(op);
  const { node } = x;
  if (node.storage === null) realizeNodes([node]);
  checkFresh(node);
  return node.storage!;
}
