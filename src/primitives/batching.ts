/**
 * Copying a graph of one example onto a whole batch of examples.
 *
 * @module
 */

import { constantNode } from "../graph/leaf.ts";
import { apply, type Aval, isFloat, type Node, withGrad } from "../graph/node.ts";
import { custom, customPrim } from "./custom.ts";
import { batchAll, expand } from "./movement.ts";
import { sum } from "./reduce.ts";
import { project, projectPrim } from "./tuple.ts";
import { copyBelow, standIn } from "../graph/copy.ts";
import type { BodyRead, Surroundings } from "../graph/body.ts";
import { zerosNode } from "./reverse.ts";

/** Whether a copy has the batch as one more dimension in front. */
export function isBatched(original: Aval, copy: Aval): boolean {
  return copy.shape.length > original.shape.length;
}

/**
 * Copies graphs, with some nodes replaced by batches. What depends on none of those is shared; what
 * does goes by the batching rule of its primitive. Recording of derivatives is switched for each copy
 * as it was for its original.
 */
export class BatchCopy {
  readonly #size: number;
  readonly #trace: Surroundings;
  /** The copy of each node; for one with several results those. */
  readonly #copies: Map<Node, Node | Node[]>;
  /** What rules that know the originals only read of their surroundings. */
  readonly reads: BodyRead[];

  /**
   * @param size number of examples
   * @param trace where the originals were made: rules that know only those are called there
   * @param replacements pairs of a node and what takes its place
   */
  constructor(
    size: number,
    trace: Surroundings,
    replacements: Iterable<readonly [Node, Node | Node[]]>,
    reads: BodyRead[] = [],
  ) {
    this.#size = size;
    this.#trace = trace;
    this.#copies = new Map(replacements);
    this.reads = reads;
  }

  /** The copy of a node and of everything below; batched where `isBatched` says so. */
  of(root: Node): Node {
    return copyBelow(root, this.#copies, (node) => this.#copy(node)) as Node;
  }

  #copy(node: Node): Node | Node[] {
    if (node.storage !== null || node.inputs.length === 0) return node;
    if (node.prim === projectPrim) {
      const results = this.#copies.get(node.inputs[0])!;
      if (Array.isArray(results)) return results[node.attrs.index];
      return results === node.inputs[0] ? node : project(results, node.attrs.index);
    }
    const xs = node.inputs.map((x) => this.#copies.get(x) as Node);
    const batched = xs.map((x, i) => isBatched(node.inputs[i], x));
    if (xs.every((x, i) => x === node.inputs[i])) return node;
    const copy = withGrad(node.requiresGrad, () => {
      if (this.#size === 0) return nothing(node, xs);
      if (node.prim === customPrim) return this.#custom(node, xs, batched);
      // The same for all examples, but it has to wait for something that is not.
      if (!batched.includes(true)) return apply(node.prim, xs, node.attrs);
      const rule = node.prim.batch;
      if (typeof rule === "string") throw new Error(`internal: ${node.prim.name} in vmap: ${rule}`);
      return rule(node, xs, batched, this.#size);
    });
    if (node.hooks !== null && !Array.isArray(copy)) {
      for (const hook of node.hooks) {
        (copy.hooks ??= []).push((g) =>
          this.#outside([g], [node], [copy], ([own]) => [hook(own!) ?? own])[0]!
        );
      }
    }
    return copy;
  }

  /** Values and their own derivative rule, both for the batch. */
  #custom(node: Node, xs: readonly Node[], batched: readonly boolean[]): Node[] {
    const { count } = node.attrs, rule = node.customVjp!;
    const values = batchAll(xs.slice(0, count), batched, this.#size);
    return custom(
      values,
      xs.slice(count),
      (gs) => this.#outside(gs, node.inputs, xs, rule).slice(count),
    );
  }

  /**
   * Applies a rule that was made for one example to the cotangents of the batch. `originals` are what
   * it gives cotangents for, `copies` their batched forms.
   */
  #outside(
    gs: readonly (Node | null)[],
    originals: readonly Node[],
    copies: readonly Node[],
    rule: (gs: (Node | null)[]) => (Node | null)[],
  ): (Node | null)[] {
    const stands = gs.map((g) =>
      g === null
        ? null
        : standIn({ dtype: g.dtype, requiresGrad: g.requiresGrad, shape: g.shape.slice(1) })
    );
    const { result, reads } = this.#trace.run(() => rule(stands));
    this.reads.push(...reads.filter(({ stand, before }) => stand !== before));
    const seeds = gs.flatMap((g, i) => g === null ? [] : [[stands[i]!, g] as const]);
    // The rule may have drawn random numbers.
    const known = [...this.#copies, ...(this.#trace.drawnForExamples ?? []), ...seeds];
    const inner = new BatchCopy(this.#size, this.#trace, known, this.reads);
    return result.map((part, i) => {
      if (!part) return null;
      const g = inner.of(part);
      // An operand shared by all examples gets the sum of what they give.
      const [own, all] = [isBatched(originals[i], g), isBatched(originals[i], copies[i])];
      const spread = own ? g : expand(g, [this.#size, ...g.shape]);
      return all ? spread : sum(spread, [0], false);
    });
  }
}

/** The results of a node over no examples: empty, and with zeros for derivatives. */
function nothing(node: Node, xs: readonly Node[]): Node | Node[] {
  const empty = (aval: Aval) => expand(constantNode(0, aval.dtype), [0, ...aval.shape]);
  const results = custom(
    (node.outs ?? [node]).map(empty),
    xs,
    () => xs.map((x) => isFloat(x.dtype) ? zerosNode(x) : null),
  );
  return node.outs === null ? results[0] : results;
}
